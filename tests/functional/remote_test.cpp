// A program whose pool is a running `webpool serve`: the command line and the C++ API.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <boost/json.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include "net/test_server.h"
#include "reference.h"
#include "remote/message.h"
#include "serve_harness.h"
#include "webpool/pool.h"
#include "webpool/resource_pool_bridge.h"

namespace webpool::functional {
namespace {

namespace json = boost::json;
using testing::HasSubstr;
using testing::Not;

constexpr auto kEmbedder = "all-minilm-l6-v2";
constexpr auto kWriter = "smollm2-135m";

/// Of Debian's pocketsphinx-testdata.
std::string clipPath(const json::object& clip) {
  return "/usr/share/pocketsphinx/test/data/librivox/" + std::string(clip.at("file").as_string());
}

class Remote : public ServeTest {
 protected:
  std::unique_ptr<Running> serve(std::vector<std::string> more) {
    std::vector<std::string> command{"serve", "--browser", "chromium", "--ephemeral", "--json"};
    command.insert(command.end(), more.begin(), more.end());
    auto running = start(std::move(command));
    EXPECT_TRUE(waitForEvent(*running, "api")) << running->soFar().err;
    url_ = std::string(event(*running, "api").at("url").as_string());
    return running;
  }

  void end(Running& running) {
    running.signal(SIGTERM);
    EXPECT_EQ(running.wait().code, 143);
    expectNothingLeft();
  }

  Finished runThere(std::vector<std::string> arguments, std::string input = {}) {
    arguments.insert(arguments.begin() + 1, {"--url", url_});
    return run(std::move(arguments), std::move(input));
  }

  /// It would write for minutes, and has begun.
  std::unique_ptr<Running> startLongAnswer() {
    auto running = start({"-q", "run", "--url", url_, "-m", kWriter, "--max-tokens", "4000",
                          "Write all numbers from one to a thousand as words."});
    EXPECT_TRUE(running->waitForOutput("12345")) << running->soFar().err;
    return running;
  }

  std::string url_;
};

TEST_F(Remote, AnEmbeddingComesFromTheServersBrowser) {
  ensureModel(kEmbedder, "q4");
  const auto reference = readMiniLmReference("q4");
  auto server = serve({"--model", kEmbedder});
  const auto result = runThere({"run", "-m", kEmbedder, "--json", "--outputs",
                                (folder() / "out.json").native(), reference.sentences[0]});
  ASSERT_EQ(result.code, 0) << result.err;
  const auto object = result.json();
  EXPECT_EQ(object.at("ran_on").at("server"), json::value(url_));
  EXPECT_EQ(object.at("ran_on").at("browser"), "chromium");
  EXPECT_EQ(object.at("ran_on").at("checked_by"), "golden answer");
  EXPECT_GT(object.at("run").at("run_ms").to_number<double>(), 0);
  std::ifstream file(folder() / "out.json");
  const auto outputs = json::parse(std::string(std::istreambuf_iterator<char>(file), {}));
  const auto vector = json::value_to<std::vector<float>>(outputs.at("outputs").at(0).at("data"));
  EXPECT_GE(cosineSimilarity(vector, reference.vectors[0]), 0.999);

  environment_["WEBPOOL_URL"] = url_;
  const auto told = run({"run", "-m", kEmbedder, "a sentence"});
  ASSERT_EQ(told.code, 0) << told.err;
  EXPECT_THAT(told.out, HasSubstr("through " + url_));
  EXPECT_THAT(run({"config"}).out, HasSubstr("WEBPOOL_URL"));
  EXPECT_EQ(event(*server, "launched").size(), 0u);
  end(*server);
}

TEST_F(Remote, AnEarlierAnswerOfTheServerSaysThatItIsOne) {
  ensureModel(kEmbedder, "q4");
  auto server = serve({"--model", kEmbedder, "--answer-cache", "8MB"});
  const auto asked = [&] { return runThere({"run", "-m", kEmbedder, "--json", "a sentence"}); };
  const auto first = asked();
  ASSERT_EQ(first.code, 0) << first.err;
  EXPECT_FALSE(first.json().contains("cached"));
  EXPECT_TRUE(first.json().at("run").is_object());
  const auto second = asked();
  ASSERT_EQ(second.code, 0) << second.err;
  EXPECT_EQ(second.json().at("cached"), true);
  EXPECT_TRUE(second.json().at("run").is_null());
  EXPECT_EQ(second.json().at("embeddings"), first.json().at("embeddings"));
  const auto told = runThere({"run", "-m", kEmbedder, "a sentence"});
  ASSERT_EQ(told.code, 0) << told.err;
  EXPECT_THAT(told.out, HasSubstr("no run: an earlier answer"));
  end(*server);
}

TEST_F(Remote, TheSameProgramInCppUsesAServer) {
  ensureModel(kEmbedder, "q4");
  const auto reference = readMiniLmReference("q4");
  auto server = serve({"--model", kEmbedder});
  PoolOptions options;
  options.url = url_;
  auto pool = ResourcePool::open(options);
  ASSERT_TRUE(pool) << pool.error().describe();
  EXPECT_EQ((*pool)->origin(), url_);
  const auto described = (*pool)->describe(kEmbedder);
  ASSERT_TRUE(described) << described.error().describe();
  EXPECT_EQ(described->task, "text-embedding");
  const auto model = (*pool)->load(kEmbedder, {.dtype = "q4"});
  ASSERT_TRUE(model) << model.error().describe();
  EXPECT_EQ(model->info().ranOn.server, url_);
  EXPECT_EQ(model->info().cid, described->cid);
  const auto vectors = model->embed(reference.sentences);
  ASSERT_TRUE(vectors) << vectors.error().describe();
  for (std::size_t i = 0; i < reference.vectors.size(); ++i) {
    EXPECT_GE(cosineSimilarity(vectors->vectors[i], reference.vectors[i]), 0.999);
  }
  EXPECT_EQ(vectors->ranOn.server, url_);
  EXPECT_EQ(vectors->tokens.size(), reference.sentences.size());
  EXPECT_TRUE(model->file("config.json"));
  EXPECT_EQ(model->file("nothing.json").error().category, ErrorCategory::NotFound);

  // As the server's own program has it: category and hint.
  const auto wrong = model->run({Tensor::of<float>("x", DataType::Fp32, {1}, std::vector{1.F})});
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().category, ErrorCategory::InvalidInput);
  EXPECT_EQ((*pool)->load("no-such-model").error().category, ErrorCategory::NotFound);
  EXPECT_EQ((*pool)->files(kEmbedder).error().category, ErrorCategory::Unsupported);

  const auto connections = (*pool)->connections();
  ASSERT_EQ(connections.size(), 1u);
  EXPECT_EQ(connections[0].models.size(), 1u) << "asked for by its dtype it is the same model";
  const auto browser = (*pool)->capabilities();
  ASSERT_TRUE(browser) << browser.error().describe();
  EXPECT_EQ(browser->browser, "chromium");

  // A model that is loaded in another way than the usual is one of its own.
  const auto raw = (*pool)->load(kEmbedder, {.task = "tensors", .backend = Backend::Wasm});
  ASSERT_TRUE(raw) << raw.error().describe();
  EXPECT_EQ(raw->info().task, "tensors");
  EXPECT_EQ(raw->info().inputs.size(), 3u);

  (*pool)->close();
  EXPECT_EQ(model->embed(reference.sentences).error().category, ErrorCategory::Cancelled);
  end(*server);
}

TEST_F(Remote, WhyAServerScaledIsToldAsOfAPoolOfOnesOwn) {
  ensureModel(kEmbedder, "q4");
  auto server = serve({"--model", kEmbedder, "--max-connections", "2", "--max-batch", "1"});
  PoolOptions options;
  options.url = url_;
  auto pool = ResourcePool::open(options);
  ASSERT_TRUE(pool) << pool.error().describe();
  const auto model = (*pool)->load(kEmbedder);
  ASSERT_TRUE(model) << model.error().describe();
  std::atomic<bool> enough = false;
  std::vector<std::jthread> callers;
  for (int caller = 0; caller < 6; ++caller) {
    callers.emplace_back([&, caller] {
      for (int call = 0; !enough; ++call) {
        const auto text = fmt::format("caller {} call {}", caller, call);
        ASSERT_TRUE(model->embed(std::span(&text, 1)));
      }
    });
  }
  const auto until = std::chrono::steady_clock::now() + std::chrono::minutes(2);
  std::vector<ScalingEvent> events;
  while (events.empty() && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    events = (*pool)->scalingEvents();
  }
  const auto calls = (*pool)->calls();
  enough = true;
  callers.clear();
  ASSERT_EQ(calls.size(), 1u);
  EXPECT_EQ(calls[0].model, kEmbedder);
  ASSERT_FALSE(events.empty());
  EXPECT_EQ(events.front().action, "add");
  EXPECT_EQ(events.front().workers, 2u);
  EXPECT_EQ(events.front().model, kEmbedder);
  EXPECT_NE(events.front().reason, "");

  ResourcePoolBridgeIntegration integration({.url = url_});
  const auto ready = integration.initialize();
  ASSERT_TRUE(ready) << ready.error().describe();
  const auto stats = json::parse(integration.getExecutionStats().toJson());
  const auto& decision = stats.at("scaling_decisions").at(0);
  EXPECT_EQ(decision, (json::value{{"model", kEmbedder},
                                   {"action", "add"},
                                   {"workers", 2},
                                   {"foreseen", events.front().foreseen},
                                   {"reason", events.front().reason}}));
  integration.close();
  (*pool)->close();
  end(*server);
}

TEST_F(Remote, ModelsByTypeUseAServerToo) {
  ensureModel(kEmbedder, "q4");
  ensureModel("magika", "fp32");
  const auto reference = readMiniLmReference("q4");
  auto server = serve({"--model", kEmbedder});
  ResourcePoolBridgeIntegration integration({.url = url_});
  const auto ready = integration.initialize();
  ASSERT_TRUE(ready) << ready.error().describe();
  const auto model = integration.getModel("text_embedding", kEmbedder,
                                          {.priorityList = {"cpu"}, .browser = "chrome"});
  ASSERT_TRUE(model) << model.error().describe();
  const auto result = (**model)(reference.sentences[0]);
  ASSERT_TRUE(result.success) << (result.error ? result.error->describe() : "");
  const auto vector = json::value_to<std::vector<float>>(json::parse(result.output));
  EXPECT_GE(cosineSimilarity(vector, reference.vectors[0]), 0.999);
  const auto object = json::parse(result.toJson());
  EXPECT_EQ(object.at("server"), json::value(url_));
  EXPECT_EQ(object.at("browser"), "chromium");
  EXPECT_EQ(object.at("platform"), "cpu");
  EXPECT_EQ(integration.getExecutionStats().connectionPeak, 1u);
  EXPECT_FALSE(integration.keepsRecord()) << "that is the server's own affair";
  const auto files = integration.getModel("text", "magika", {.priorityList = {"cpu"}});
  ASSERT_TRUE(files) << files.error().describe();
  const auto empty = json::parse((**files)(Bytes()).toJson());
  EXPECT_EQ(empty.at("success"), true);
  for (const auto* key : {"platform", "browser", "server"}) {
    EXPECT_TRUE(empty.at(key).is_null()) << key << ": nothing had to run";
  }
  const auto none = integration.getModel("text_embedding", kEmbedder, {.browser = "firefox"});
  EXPECT_FALSE(none) << "the server has none";
  integration.close();
  EXPECT_FALSE((**model)(reference.sentences[0]).success);
  EXPECT_EQ(
      ResourcePoolBridgeIntegration({.url = "http://127.0.0.1:1"}).initialize().error().category,
      ErrorCategory::Fetch);
  end(*server);
}

TEST_F(Remote, AnAnswerIsWrittenAsItComesAndChatGoesOn) {
  ensureModel(kWriter, "q4_1");
  auto server = serve({"--model", kWriter});
  const auto result = runThere({"run", "-m", kWriter, "--temperature", "0", "--max-tokens", "16",
                                "What is the capital of France?"});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("Paris"));
  const auto chat = runThere({"chat", "--json", "--max-tokens", "12"},
                             "What is the capital of France?\nAnd of Spain?\n");
  ASSERT_EQ(chat.code, 0) << chat.err;
  EXPECT_THAT(chat.out, HasSubstr("Paris"));
  const auto second = json::parse(chat.out.substr(chat.out.find('\n') + 1));
  EXPECT_GT(second.at("cached_tokens").to_number<int>(), 0) << "the conversation kept its worker";
  EXPECT_EQ(second.at("ran_on").at("server"), json::value(url_));
  end(*server);
}

TEST_F(Remote, CtrlCEndsTheRunInTheServer) {
  ensureModel(kWriter, "q4_1");
  const auto record = (folder() / "runs.duckdb").native();
  auto server = serve({"--model", kWriter, "--db-path", record});
  auto client = startLongAnswer();
  client->signal(SIGINT);
  EXPECT_EQ(client->wait().code, 130);
  // It is free for the next one, which waits for what runs.
  const auto next = runThere({"run", "-m", kWriter, "--max-tokens", "4", "Say yes."});
  EXPECT_EQ(next.code, 0) << next.err;
  end(*server);
  const auto rows = run({"stats", "--db-path", record, "--json", "--sql",
                         "SELECT count(*) AS n FROM webpool.runs WHERE error = 'cancelled'"});
  ASSERT_EQ(rows.code, 0) << rows.err;
  EXPECT_THAT(rows.out, HasSubstr("\"n\":1"));
}

TEST_F(Remote, AServerThatDiesUnderARunIsALostWorker) {
  ensureModel(kWriter, "q4_1");
  auto server = serve({"--model", kWriter});
  auto client = startLongAnswer();
  server->signal(SIGKILL);
  EXPECT_EQ(server->wait().code, 128 + SIGKILL);
  const auto ended = client->wait();
  EXPECT_EQ(ended.code, 5);
  EXPECT_THAT(ended.err, HasSubstr("[worker_lost]"));
  EXPECT_THAT(ended.err, HasSubstr(url_));
}

/// It says so itself, and in the words of its own end.
TEST_F(Remote, AServerThatEndsUnderARunIsALostWorkerToo) {
  ensureModel(kWriter, "q4_1");
  auto server = serve({"--model", kWriter});
  auto client = startLongAnswer();
  end(*server);
  const auto ended = client->wait();
  EXPECT_EQ(ended.code, 5) << ended.err;
  EXPECT_THAT(ended.err, HasSubstr("[worker_lost]"));
  EXPECT_THAT(ended.err, HasSubstr(url_));
}

TEST_F(Remote, SpeechIsFoundAndWrittenDown) {
  ensureModel("silero-vad-v5", "fp32");
  const auto reference = readReference("silero.json");
  const auto clip = clipPath(reference.at("clips").as_array()[0].as_object());
  auto server = serve({"--model", "silero-vad-v5"});
  const std::vector<std::string> asked{
      "run", "-m", "silero-vad-v5", "-t", "voice-activity-detection", "--json", clip};
  const auto there = runThere(asked);
  ASSERT_EQ(there.code, 0) << there.err;
  auto here = asked;
  here.insert(here.end(), {"--browser", "chromium", "--backend", "wasm", "--ephemeral"});
  const auto own = run(here);
  ASSERT_EQ(own.code, 0) << own.err;
  const auto speech = [](const Finished& finished) {
    return finished.json().at("files").at(0).at("speech");
  };
  EXPECT_FALSE(speech(there).as_array().empty());
  EXPECT_EQ(speech(there), speech(own));
  EXPECT_EQ(own.json().at("ran_on").as_object().if_contains("server"), nullptr);
  end(*server);
}

TEST_F(Remote, WhatIsWrongWithTheServerIsSaid) {
  const auto file = folder() / "token";
  std::ofstream(file) << "a-secret\n";
  auto server = serve({"--api-token-file", file.native()});
  const std::vector<std::string> asked{"run", "-m", "no-such-model", "a sentence"};
  const auto none = runThere(asked);
  EXPECT_EQ(none.code, 1) << none.err;
  EXPECT_THAT(none.err, HasSubstr("[unauthorized]"));
  EXPECT_THAT(none.err, HasSubstr("WEBPOOL_API_TOKEN"));
  environment_["WEBPOOL_API_TOKEN"] = "another";
  EXPECT_THAT(runThere(asked).err, HasSubstr("[unauthorized]"));
  environment_["WEBPOOL_API_TOKEN"] = "a-secret";
  const auto right = runThere(asked);
  EXPECT_EQ(right.code, 4) << "the token was taken, and there is no such model: " << right.err;
  environment_.erase("WEBPOOL_API_TOKEN");
  auto withFile = asked;
  withFile.insert(withFile.end(), {"--api-token-file", file.native()});
  EXPECT_EQ(runThere(withFile).code, 4);

  const auto mine = write("mine.onnx", "not looked at");
  withFile[2] = mine.native();
  const auto local = runThere(withFile);
  EXPECT_EQ(local.code, 4);
  EXPECT_THAT(local.err, HasSubstr("webpool models add"));
  EXPECT_EQ(runThere({"run", "-m", "x", "--visible", "a"}).code, 2) << "the server's own affair";
  end(*server);

  const auto gone = runThere(asked);
  EXPECT_EQ(gone.code, 8) << gone.err;
  EXPECT_THAT(gone.err, HasSubstr("webpool serve"));
  url_ = "127.0.0.1:8080";
  EXPECT_EQ(runThere(asked).code, 2) << "no URL";
}

/// Each tells the other what it takes, and takes no more than the other leaves.
TEST_F(Remote, TwoPoolsOnOneMachineShareItsCores) {
  ensureModel(kWriter, "q4_1");
  environment_["WEBPOOL_RUNTIME_DIR"] = "";
  environment_["XDG_RUNTIME_DIR"] = "";
  auto first = start({"-v", "serve", "--browser", "chromium", "--ephemeral", "--json"});
  ASSERT_TRUE(waitForEvent(*first, "api")) << first->soFar().err;
  environment_["WEBPOOL_CACHE_DIR"] = (folder() / "cache/of another").native();
  auto second = serve({"--model", kWriter});
  EXPECT_TRUE(first->waitForOutput("another webpool (process " + std::to_string(second->pid())));
  EXPECT_TRUE(second->waitForOutput("another webpool (process " + std::to_string(first->pid())));

  const auto cores = std::max(1U, std::thread::hardware_concurrency());
  const auto whole = fmt::format("other pools: {0} of {0} cores", cores);
  auto client = startLongAnswer();
  const auto ofEach = std::max(1U, cores / 2);
  const auto threads = ofEach <= 2 ? 1 : std::min(4U, ofEach / 2);
  const auto left = std::max({cores - std::min(cores, threads), cores / 2, 1U});
  EXPECT_TRUE(first->waitForOutput(fmt::format("1 other pools: {} of {} cores", left, cores)))
      << first->soFar().err;
  client->signal(SIGINT);
  EXPECT_EQ(client->wait().code, 130);
  second->signal(SIGTERM);
  EXPECT_EQ(second->wait().code, 143);
  EXPECT_TRUE(first->waitForOutput("0 " + whole)) << first->soFar().err;
  end(*first);
  EXPECT_TRUE(std::filesystem::is_empty(folder() / "home/.cache/webpool/running"));
}

TEST_F(Remote, WhatIsNoRequestIsRefusedInItsForm) {
  auto server = serve({});
  const auto port = static_cast<std::uint16_t>(std::stoi(url_.substr(url_.rfind(':') + 1)));
  const auto post = [&](const std::string& action, const std::string& body) {
    net::RawClient client(port);
    client.send("POST /webpool/v1/" + action + " HTTP/1.1\r\nHost: " + url_.substr(7) +
                "\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) +
                "\r\n\r\n" + body);
    return client.receive();
  };
  const auto named = *remote::pack({{"model", "no-such-model"}, {"options", json::object()}});
  const auto wrongType =
      *remote::pack({{"model", kEmbedder}, {"options", {{"backend", "abacus"}}}});
  const std::vector<std::pair<std::string, std::string>> wrong{
      {"run", ""},
      {"run", "no frame"},
      {"load", std::string(16, '\xff')},
      {"run", named.substr(0, named.size() - 2)},
      {"run", *remote::pack({{"model", 5}, {"options", json::object()}})},
      {"describe", *remote::pack({})}};
  for (const auto& [action, body] : wrong) {
    const auto answer = post(action, body);
    EXPECT_EQ(answer.status, 400) << action << " " << answer.body;
    EXPECT_EQ(json::parse(answer.body).at("error").at("category"), "invalid_input");
  }
  EXPECT_EQ(post("load", wrongType).status, 400);
  const auto unknown = post("load", named);
  EXPECT_EQ(unknown.status, 404);
  EXPECT_EQ(json::parse(unknown.body).at("error").at("category"), "not_found");
  EXPECT_EQ(post("nothing", named).status, 404);
  EXPECT_THAT(runThere({"run", "-m", "no-such-model", "x"}).err, HasSubstr("[not_found]"))
      << "it serves others as before";
  end(*server);
}

}  // namespace
}  // namespace webpool::functional
