// The endpoints of `webpool serve`, asked over a socket, with a real browser behind them.
#include <gmock/gmock.h>

#include <boost/json.hpp>
#include <csignal>
#include <cstring>
#include <fstream>
#include <sstream>

#include "base/file.h"
#include "net/test_server.h"
#include "onnx/testing/model_builder.h"
#include "reference.h"
#include "serve_harness.h"
#include "webpool/result.h"

namespace webpool::functional {
namespace {

namespace json = boost::json;
using testing::HasSubstr;

class ServeApi : public ServeTest {
 protected:
  void TearDown() override { expectNothingLeft(); }

  std::unique_ptr<Running> serve(std::vector<std::string> more) {
    std::vector<std::string> command{"serve", "--browser", "chromium", "--ephemeral", "--json"};
    command.insert(command.end(), more.begin(), more.end());
    auto running = start(std::move(command));
    port_ = waitForApi(*running);
    EXPECT_NE(port_, 0) << running->soFar().err;
    return running;
  }

  void end(Running& running) {
    running.signal(SIGTERM);
    EXPECT_EQ(running.wait().code, 143);
  }

  std::string host() const { return "127.0.0.1:" + std::to_string(port_); }

  net::ClientResponse get(const std::string& path, const std::string& headers = {}) const {
    net::RawClient client(port_);
    return client.get(path, host(), headers);
  }

  net::ClientResponse post(const std::string& path, const std::string& body,
                           const std::string& headers = {}) const {
    net::RawClient client(port_);
    client.send("POST " + path + " HTTP/1.1\r\nHost: " + host() +
                "\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
                headers + "\r\n" + body);
    auto answer = client.receive();
    if (!answer.field("Content-Length").empty()) return answer;
    client.readToEnd();  // it came bit by bit
    answer.body = client.pending();
    return answer;
  }

  static std::vector<float> floats(const json::value& list) {
    std::vector<float> values;
    for (const auto& value : list.as_array()) values.push_back(value.to_number<float>());
    return values;
  }

  /// The JSON of each event; the lines between are the sizes of HTTP's chunks.
  static std::vector<json::value> eventsOf(const std::string& body) {
    std::vector<json::value> events;
    std::istringstream lines(body);
    for (std::string line; std::getline(lines, line);) {
      constexpr std::string_view kData = "data: ";
      if (!line.starts_with(kData) || line.starts_with("data: [DONE]")) continue;
      events.push_back(json::parse(line.substr(kData.size())));
    }
    return events;
  }

  net::ClientResponse transcribe(const std::string& file, const std::string& format) const {
    std::string body;
    const std::vector<std::pair<std::string, std::string>> fields{
        {"model", "whisper-tiny"}, {"response_format", format}, {"file", file}};
    for (const auto& [name, value] : fields) {
      body +=
          "--xyz\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value + "\r\n";
    }
    return post("/v1/audio/transcriptions", body + "--xyz--\r\n",
                "Content-Type: multipart/form-data; boundary=xyz\r\n");
  }

  std::uint16_t port_ = 0;
};

TEST_F(ServeApi, EmbeddingsAsOpenAiAndAsOpenInferenceProtocol) {
  ensureModel("all-minilm-l6-v2", "q4");
  const auto reference = readMiniLmReference("q4");
  auto running = serve({"--model", "all-minilm-l6-v2"});
  // Asked before the model is there, it waits for it.
  const json::object asked{{"model", "all-minilm-l6-v2"},
                           {"input", {reference.sentences[0], reference.sentences[1]}}};
  const auto openAi = post("/v1/embeddings", json::serialize(asked));
  ASSERT_EQ(openAi.status, 200) << openAi.body;
  const auto answer = json::parse(openAi.body);
  for (std::size_t i = 0; i < 2; ++i) {
    const auto& item = answer.at("data").as_array().at(i);
    EXPECT_EQ(item.at("index").to_number<std::size_t>(), i);
    EXPECT_GE(cosineSimilarity(floats(item.at("embedding")), reference.vectors[i]), 0.999);
  }
  EXPECT_GT(answer.at("usage").at("prompt_tokens").to_number<int>(), 8);

  const json::object infer{{"id", "7"},
                           {"inputs",
                            {{{"name", "text"},
                              {"shape", {1}},
                              {"datatype", "BYTES"},
                              {"data", {reference.sentences[0]}}}}}};
  const auto oip = post("/v2/models/all-minilm-l6-v2/infer", json::serialize(infer));
  ASSERT_EQ(oip.status, 200) << oip.body;
  const auto inferred = json::parse(oip.body);
  EXPECT_EQ(inferred.at("id"), "7");
  const auto& output = inferred.at("outputs").at(0);
  EXPECT_EQ(output.at("name"), "embedding");
  EXPECT_EQ(output.at("shape"), (json::array{1, 384}));
  EXPECT_GE(cosineSimilarity(floats(output.at("data")), reference.vectors[0]), 0.999);
  EXPECT_THAT(oip.body, HasSubstr("chromium"));

  EXPECT_EQ(get("/v2/models/all-minilm-l6-v2/ready").status, 200);
  const auto described = get("/v2/models/all-minilm-l6-v2");
  EXPECT_THAT(described.body, HasSubstr("\"BYTES\""));
  EXPECT_THAT(get("/metrics").body, HasSubstr("webpool_workers{state="));
  end(*running);
}

/// As many as would take a worker out of service if they were its fault.
TEST_F(ServeApi, TextsThatNobodyCanReadDisturbNobody) {
  ensureModel("all-minilm-l6-v2", "q4");
  auto running = serve({"--model", "all-minilm-l6-v2"});
  const std::string path = "/v2/models/all-minilm-l6-v2/infer";
  const std::string header = R"({"inputs": [{"name": "text", "datatype": "BYTES", "shape": [1], )"
                             R"("parameters": {"binary_data_size": 6}}]})";
  const auto told = "Inference-Header-Content-Length: " + std::to_string(header.size()) + "\r\n";
  const std::string none =
      R"({"inputs": [{"name": "text", "datatype": "BYTES", "shape": [0], "data": []}]})";
  for (int i = 0; i < 7; ++i) {
    const auto broken = post(path, header + std::string("\x02\0\0\0\xff\xfe", 6), told);
    EXPECT_EQ(broken.status, 400) << broken.body;
    const auto empty = post(path, none);
    EXPECT_EQ(empty.status, 400) << empty.body;
  }
  const auto innocent =
      post("/v1/embeddings", R"({"model": "all-minilm-l6-v2", "input": "innocent"})");
  EXPECT_EQ(innocent.status, 200) << innocent.body;
  EXPECT_THAT(running->soFar().out, testing::Not(HasSubstr("draining")));
  end(*running);
}

/// Without arguments, by a person who does what it says.
TEST_F(ServeApi, TheFirstStartSaysWhatToTryAndItWorks) {
  ensureModel("all-minilm-l6-v2", "q4");
  auto running = start({"serve", "--ephemeral"});
  ASSERT_TRUE(running->waitForOutput("Ctrl-C ends it.")) << running->soFar().err;
  const auto said = running->soFar().out;
  std::istringstream lines(said);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80u) << line;
  EXPECT_THAT(said, testing::ContainsRegex("all-minilm-l6-v2 +text-embedding\n"));
  const auto begin = said.find("  curl ");
  ASSERT_NE(begin, std::string::npos) << said;
  const auto command = said.substr(begin, said.find("\n\n", begin) - begin);
  auto curl = Running({"/bin/sh", "-c", command}, environment_, "");
  const auto answer = curl.wait();
  EXPECT_EQ(answer.code, 0) << answer.err;
  EXPECT_THAT(answer.out, HasSubstr("\"embedding\":[")) << command;
  end(*running);
}

TEST_F(ServeApi, TensorsInBinary) {
  ensureModel("all-minilm-l6-v2", "q4");
  auto running = serve({"--model", "all-minilm-l6-v2"});
  const std::string text = "a sentence";
  std::string data(4, '\0');
  const auto length = static_cast<std::uint32_t>(text.size());
  std::memcpy(data.data(), &length, sizeof(length));
  data += text;
  const auto header = json::serialize(json::object{
      {"inputs",
       {{{"name", "text"},
         {"shape", {1}},
         {"datatype", "BYTES"},
         {"parameters", {{"binary_data_size", data.size()}}}}}},
      {"outputs", {{{"name", "embedding"}, {"parameters", {{"binary_data", true}}}}}}});
  const auto field = "Inference-Header-Content-Length: " + std::to_string(header.size()) + "\r\n";
  const auto answer = post("/v2/models/all-minilm-l6-v2/infer", header + data, field);
  ASSERT_EQ(answer.status, 200) << answer.body;
  const auto told = answer.field("Inference-Header-Content-Length");
  ASSERT_FALSE(told.empty());
  const auto jsonBytes = std::stoul(std::string(told));
  EXPECT_EQ(answer.body.size() - jsonBytes, 384u * 4);
  std::vector<float> vector(384);
  std::memcpy(vector.data(), answer.body.data() + jsonBytes, 384 * 4);
  EXPECT_NEAR(cosineSimilarity(vector, vector), 1, 1e-6);
  end(*running);
}

TEST_F(ServeApi, WrongRequestsAreToldInTheProtocolsOwnForm) {
  auto running = serve({});
  const auto unknown = post("/v1/embeddings", R"({"model": "no-such-model", "input": "x"})");
  EXPECT_EQ(unknown.status, 404);
  EXPECT_THAT(unknown.body, HasSubstr("{\"error\":{\"message\":"));
  const auto broken = post("/v1/embeddings", "{");
  EXPECT_EQ(broken.status, 400);
  EXPECT_THAT(broken.body, HasSubstr("{\"error\":{\"message\":"));
  const auto malformed = post("/v2/models/all-minilm-l6-v2/infer", R"({"inputs": 5})");
  EXPECT_EQ(malformed.status, 400);
  EXPECT_THAT(malformed.body, HasSubstr("{\"error\":\""));
  EXPECT_EQ(post("/v2/models/no-such-model/infer", R"({"inputs": []})").status, 404);
  EXPECT_EQ(get("/v2/models/no-such-model").status, 404);
  EXPECT_EQ(get("/nothing/here").status, 404);
  EXPECT_EQ(get("/v2/health/live").status, 200);
  EXPECT_THAT(get("/v1/models").body, HasSubstr("all-minilm-l6-v2"));
  end(*running);
}

TEST_F(ServeApi, WithATokenOnlyItsBearersAreAnswered) {
  const auto file = folder() / "token";
  std::ofstream(file) << "a-secret\n";
  auto running = serve({"--api-token-file", file.native()});
  EXPECT_EQ(get("/v1/models").status, 401);
  EXPECT_EQ(get("/v1/models", "Authorization: Bearer another\r\n").status, 401);
  EXPECT_EQ(get("/v1/models", "Authorization: Bearer a-secret\r\n").status, 200);
  EXPECT_EQ(get("/v2/health/live").status, 200) << "health is open";
  end(*running);
}

TEST_F(ServeApi, AStreamedChat) {
  ensureModel("smollm2-135m", "q4_1");
  auto running = serve({"--model", "smollm2-135m"});
  const json::object asked{
      {"model", "smollm2-135m"},
      {"messages", {{{"role", "user"}, {"content", "What is the capital of France?"}}}},
      {"temperature", 0},
      {"max_tokens", 16}};
  const auto whole = post("/v1/chat/completions", json::serialize(asked));
  ASSERT_EQ(whole.status, 200) << whole.body;
  const auto answer = json::parse(whole.body);
  const std::string text(answer.at("choices").at(0).at("message").at("content").as_string());
  EXPECT_THAT(text, HasSubstr("Paris"));
  auto streamed = asked;
  streamed["stream"] = true;
  const auto events = post("/v1/chat/completions", json::serialize(streamed));
  ASSERT_EQ(events.status, 200);
  EXPECT_THAT(events.body, HasSubstr("chat.completion.chunk"));
  EXPECT_THAT(events.body, HasSubstr("data: [DONE]"));
  // A conversation that is named is gone on with.
  auto turn = asked;
  turn["prompt_cache_key"] = "c";
  EXPECT_EQ(post("/v1/chat/completions", json::serialize(turn)).status, 200);
  auto& messages = turn["messages"].as_array();
  messages.push_back({{"role", "assistant"}, {"content", text}});
  messages.push_back({{"role", "user"}, {"content", "And of Spain?"}});
  const auto next = post("/v1/chat/completions", json::serialize(turn));
  ASSERT_EQ(next.status, 200) << next.body;
  const auto cached =
      json::parse(next.body).at_pointer("/usage/prompt_tokens_details/cached_tokens");
  EXPECT_GT(cached.to_number<int>(), 20);
  const auto refused = [&](const char* more) {
    auto wrong = json::parse(more).as_object();
    for (const auto& [key, value] : asked) wrong[key] = value;
    const auto answered = post("/v1/chat/completions", json::serialize(wrong));
    EXPECT_EQ(answered.status, 400) << more;
    return answered.body;
  };
  EXPECT_THAT(refused(R"({"tools": [{"type": "function", "function": {"name": "weather",
                 "parameters": {"properties": {"city": {"type": "zzz"}}}}}]})"),
              HasSubstr("the tool 'weather': parameters.properties.city.type"));
  EXPECT_THAT(refused(R"({"tool_choice": "required"})"), HasSubstr("there is no tool"));
  EXPECT_THAT(refused(R"({"tool_choice": {"type": "function", "function": {"name": "f"}}})"),
              HasSubstr("there is no tool"));
  end(*running);
}

/// Asked before the model is there, so that it waits, by a client that sends no more.
TEST_F(ServeApi, AHalfClosedConnectionGetsItsAnswer) {
  ensureModel("all-minilm-l6-v2", "q4");
  auto running = serve({"--model", "all-minilm-l6-v2"});
  const std::string body = R"({"model": "all-minilm-l6-v2", "input": "a sentence"})";
  net::RawClient client(port_);
  client.send("POST /v1/embeddings HTTP/1.1\r\nHost: " + host() +
              "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  client.socket().shutdown(net::tcp::socket::shutdown_send);
  auto answer = client.receive();
  if (answer.status == 100) answer = client.receive();
  EXPECT_EQ(answer.status, 200) << answer.body;
  EXPECT_THAT(answer.body, HasSubstr("\"usage\""));
  EXPECT_TRUE(client.readToEnd());
  end(*running);
}

TEST_F(ServeApi, AStreamWhoseReaderStopsDisturbsNobody) {
  ensureModel("smollm2-135m", "q4_1");
  auto running = serve({"--model", "smollm2-135m"});
  json::object asked{{"model", "smollm2-135m"},
                     {"messages", {{{"role", "user"}, {"content", "Tell me a long story."}}}},
                     {"temperature", 0},
                     {"max_tokens", 400},
                     {"stream", true}};
  const auto body = json::serialize(asked);
  {
    net::RawClient stalled(port_);
    stalled.send("POST /v1/chat/completions HTTP/1.1\r\nHost: " + host() +
                 "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    EXPECT_EQ(stalled.receive(false).status, 200);
    EXPECT_EQ(get("/v1/models").status, 200);
  }
  // It left within its answer: the model is free for the next one.
  asked["max_tokens"] = 4;
  asked.erase("stream");
  const auto next = post("/v1/chat/completions", json::serialize(asked));
  EXPECT_EQ(next.status, 200) << next.body;
  EXPECT_THAT(get("/metrics").body, HasSubstr("route=\"openai_chat\",status=\"200\""));
  end(*running);
}

TEST_F(ServeApi, TextEmbeddingsInference) {
  ensureModel("all-minilm-l6-v2", "q4");
  const auto reference = readMiniLmReference("q4");
  auto running = serve({});
  EXPECT_EQ(get("/health").status, 200);
  const json::object asked{{"inputs", {reference.sentences[0], reference.sentences[1]}}};
  const auto answer = post("/embed", json::serialize(asked));
  ASSERT_EQ(answer.status, 200) << answer.body;
  const auto vectors = json::parse(answer.body);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_GE(cosineSimilarity(floats(vectors.at(i)), reference.vectors[i]), 0.999);
  }
  const auto plain = json::parse(post("/embed", R"({"inputs": "a", "normalize": false})").body);
  double squares = 0;
  for (const auto value : floats(plain.at(0))) squares += double(value) * value;
  EXPECT_GT(std::abs(squares - 1), 0.01) << "no vector of length 1";
  std::string text;
  for (int i = 0; i < 600; ++i) text += "word ";
  const auto refused = post("/embed", json::serialize(json::object{{"inputs", {"a", text}}}));
  EXPECT_EQ(refused.status, 422) << refused.body;
  EXPECT_THAT(refused.body, HasSubstr("text 2 is longer than the model reads"));
  EXPECT_THAT(refused.body, HasSubstr("\"error_type\":\"Validation\""));
  const json::object toOpenAi{{"model", "all-minilm-l6-v2"}, {"input", text}};
  EXPECT_EQ(post("/v1/embeddings", json::serialize(toOpenAi)).status, 400);
  const json::object cut{{"inputs", text}, {"truncate", true}};
  EXPECT_EQ(post("/embed", json::serialize(cut)).status, 200);
  EXPECT_THAT(get("/info").body, HasSubstr("\"model_id\":\"all-minilm-l6-v2\""));
  end(*running);
}

TEST_F(ServeApi, ClassesBearTheLabelsOfTheModelsConfig) {
  environment_["WEBPOOL_DATA_DIR"] = folder() / "data";
  const std::filesystem::path model = folder() / "animals";
  std::filesystem::create_directories(model / "onnx");
  write("animals/onnx/model.onnx", onnx::testing::matMulModel(DataType::Fp32, 2, 3));
  write("animals/config.json", R"({"id2label": {"0": "cat", "1": "dog", "2": "newt"}})");
  ASSERT_EQ(run({"models", "add", model, "--name", "animals"}).code, 0);
  auto running = serve({});
  // Weights of -0.75, -0.5, -0.25 from the first number, 0, 0.25 and 0.5 from the second.
  const auto answer = post("/v2/models/animals/infer", R"({
      "inputs": [{"name": "x", "shape": [2, 2], "datatype": "FP32", "data": [1, 0, -4, 1]}],
      "outputs": [{"name": "y", "parameters": {"classification": 2}}]})");
  ASSERT_EQ(answer.status, 200) << answer.body;
  const auto output = json::parse(answer.body).at("outputs").at(0);
  EXPECT_EQ(output.at("shape"), (json::array{2, 2}));
  EXPECT_EQ(output.at("data"),
            (json::array{"-0.25:2:newt", "-0.5:1:dog", "3:0:cat", "2.25:1:dog"}));
  end(*running);
}

/// A model of the store that no catalogue knows.
TEST_F(ServeApi, AModelOfTheStoreIsServedOnDemand) {
  environment_["WEBPOOL_DATA_DIR"] = folder() / "data";
  const auto path = write("add.onnx", onnx::testing::addModel(DataType::Fp32, {"n", 2}));
  ASSERT_EQ(run({"models", "add", path, "--name", "adds"}).code, 0);
  auto running = serve({});
  EXPECT_THAT(get("/v1/models").body, HasSubstr("\"id\":\"adds\""));
  const auto described = get("/v2/models/adds");
  ASSERT_EQ(described.status, 200) << described.body;
  json::array inputs;
  for (const auto& input : json::parse(described.body).at("inputs").as_array()) {
    inputs.push_back({{"name", input.at("name")},
                      {"datatype", "FP32"},
                      {"shape", {1, 2}},
                      {"data", {1.5, 2.5}}});
  }
  const auto answer =
      post("/v2/models/adds/infer", json::serialize(json::object{{"inputs", inputs}}));
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(floats(json::parse(answer.body).at("outputs").at(0).at("data")),
            (std::vector<float>{3, 5}));
  end(*running);
}

TEST_F(ServeApi, ACompletionGoesOnWithTheTextAsItStands) {
  ensureModel("smollm2-135m", "q4_1");
  auto running = serve({"--model", "smollm2-135m"});
  json::object asked{{"model", "smollm2-135m"},
                     {"prompt", "The capital of France is"},
                     {"temperature", 0},
                     {"max_tokens", 6}};
  const auto whole = post("/v1/completions", json::serialize(asked));
  ASSERT_EQ(whole.status, 200) << whole.body;
  const auto answer = json::parse(whole.body);
  const std::string text(answer.at("choices").at(0).at("text").as_string());
  EXPECT_THAT(text, HasSubstr(" Paris"));
  EXPECT_EQ(answer.at("choices").at(0).at("finish_reason"), "length");
  const auto& usage = answer.at("usage");
  EXPECT_EQ(usage.at("prompt_tokens").to_number<int>(), 5) << "five words, and no chat template";
  EXPECT_EQ(usage.at("completion_tokens").to_number<int>(), 6);

  asked["stream"] = true;
  asked["stream_options"] = {{"include_usage", true}};
  const auto streamed = post("/v1/completions", json::serialize(asked));
  ASSERT_EQ(streamed.status, 200);
  EXPECT_THAT(streamed.body, HasSubstr("data: [DONE]"));
  const auto events = eventsOf(streamed.body);
  std::string together;
  for (const auto& event : events) {
    for (const auto& choice : event.at("choices").as_array()) {
      together += std::string_view(choice.at("text").as_string());
    }
  }
  EXPECT_EQ(together, text);
  EXPECT_EQ(events.back().at("usage"), usage);

  asked.erase("stream");
  asked.erase("stream_options");
  asked["stop"] = text.substr(1, 5);
  const auto stopped = json::parse(post("/v1/completions", json::serialize(asked)).body);
  EXPECT_EQ(stopped.at("choices").at(0).at("text").as_string(), text.substr(0, 1));
  EXPECT_EQ(stopped.at("choices").at(0).at("finish_reason"), "stop");
  asked["suffix"] = "x";
  EXPECT_EQ(post("/v1/completions", json::serialize(asked)).status, 400);
  end(*running);
}

TEST_F(ServeApi, ATranscriptInEachForm) {
  ensureModel("whisper-tiny", "q8");
  const auto clip = readReference("whisper.json").at("clips").as_array().at(1).as_object();
  const auto file = base::readFile("/usr/share/pocketsphinx/test/data/librivox/" +
                                       std::string(clip.at("file").as_string()),
                                   1 << 24)
                        .value();
  auto running = serve({"--model", "whisper-tiny"});
  const auto plain = transcribe(file, "json");
  ASSERT_EQ(plain.status, 200) << plain.body;
  const std::string text(json::parse(plain.body).at("text").as_string());
  EXPECT_THAT(text, HasSubstr("young man"));
  EXPECT_EQ(transcribe(file, "text").body, text + "\n");
  const auto verbose = json::parse(transcribe(file, "verbose_json").body);
  EXPECT_EQ(verbose.at("text").as_string(), text);
  EXPECT_EQ(verbose.at("language"), "en");
  const auto seconds = (double(file.size()) - 44) / 2 / 16'000;
  EXPECT_NEAR(verbose.at("duration").to_number<double>(), seconds, 0.01);
  const auto& segments = verbose.at("segments").as_array();
  ASSERT_FALSE(segments.empty());
  EXPECT_GT(segments.back().at("end").to_number<double>(), seconds / 2);
  EXPECT_THAT(transcribe(file, "srt").body, testing::StartsWith("1\n00:00:0"));
  const auto subtitles = transcribe(file, "vtt");
  EXPECT_THAT(subtitles.body, testing::StartsWith("WEBVTT\n\n00:00:0"));
  EXPECT_EQ(subtitles.field("Content-Type"), "text/vtt; charset=utf-8");
  const auto noSound = transcribe("this is no sound", "json");
  EXPECT_EQ(noSound.status, 400);
  EXPECT_THAT(noSound.body, HasSubstr("{\"error\":{\"message\":"));
  end(*running);
}

}  // namespace
}  // namespace webpool::functional
