// The endpoints of `webpool serve`, asked over a socket, with a real browser behind them.
#include <gmock/gmock.h>

#include <boost/json.hpp>
#include <csignal>
#include <cstring>
#include <fstream>

#include "net/test_server.h"
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
    EXPECT_TRUE(waitForEvent(*running, "api")) << running->soFar().err;
    const std::string url(event(*running, "api").at("url").as_string());
    port_ = static_cast<std::uint16_t>(std::stoi(url.substr(url.rfind(':') + 1)));
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
  end(*running);
}

}  // namespace
}  // namespace webpool::functional
