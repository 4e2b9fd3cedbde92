#include "api/protocols.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cstring>
#include <set>

#include "net/test_server.h"
#include "webpool/version.h"

namespace webpool::api {
namespace {

namespace json = boost::json;
using net::RawClient;
using testing::HasSubstr;

/// Every protocol, with no model behind them.
class ProtocolsTest : public testing::Test {
 protected:
  ProtocolsTest()
      : models_({.names = [] { return std::vector<std::string>{}; },
                 .load = [](const std::string&, const std::stop_token&) -> Result<Model> {
                   return fail(ErrorCategory::Internal, "nothing is to be loaded here");
                 }},
                true) {}

  void SetUp() override {
    FrontOptions options;
    options.server.refusal = refusal;
    options.server.maxBodyBytes = 1000;
    options.server.maxHeaderBytes = 1000;
    auto front = Front::open(std::move(options));
    ASSERT_TRUE(front) << front.error().describe();
    front_ = std::move(*front);
    addProtocols(*front_, models_);
  }

  net::ClientResponse ask(const std::string& method, const std::string& path,
                          const std::string& body = "{}") const {
    const auto origin = front_->origin();
    RawClient client(static_cast<std::uint16_t>(std::stoi(origin.substr(origin.rfind(':') + 1))));
    client.send(method + " " + path + " HTTP/1.1\r\nHost: " + origin.substr(7) +
                "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    return client.receive();
  }

  json::value document() const { return json::parse(ask("GET", "/openapi.json", "").body); }

  ServedModels models_;
  std::unique_ptr<Front> front_;
};

std::string upper(std::string text) {
  for (auto& c : text) c = static_cast<char>(c - 'a' + 'A');
  return text;
}

std::string filledIn(std::string path) {
  for (const auto& [name, value] : {std::pair{"{model}", "none"}, std::pair{"{version}", "1"}}) {
    const auto at = path.find(name);
    if (at != std::string::npos) path.replace(at, std::strlen(name), value);
  }
  return path;
}

bool answers(const Front::Route& route, const std::string& method, const std::string& path) {
  if (route.method != method) return false;
  return route.path.ends_with('*')
             ? path.starts_with(std::string_view(route.path).substr(0, route.path.size() - 1))
             : path == route.path;
}

TEST_F(ProtocolsTest, EveryRouteIsInTheDocumentAndThereIsNothingElseInIt) {
  const auto told = document();
  EXPECT_EQ(told.at("info").at("version"), kVersion);
  std::set<std::pair<std::string, std::string>> answered;
  for (const auto& [path, operations] : told.at("paths").as_object()) {
    for (const auto& [method, operation] : operations.as_object()) {
      const auto asked = filledIn(std::string(path));
      const auto verb = upper(std::string(method));
      const auto routes = front_->routes();
      const auto route =
          std::ranges::find_if(routes, [&](const auto& one) { return answers(one, verb, asked); });
      ASSERT_NE(route, routes.end()) << verb << " " << path << " is no route";
      answered.insert({route->method, route->path});
      // A prefix takes more than the document says: this is one that has a meaning.
      const auto answer = ask(verb, asked);
      EXPECT_THAT(answer.body, testing::Not(HasSubstr("there is nothing at"))) << verb << path;
      EXPECT_TRUE(operation.at("responses").as_object().contains(std::to_string(answer.status)))
          << verb << " " << path << " answered " << answer.status << ": " << answer.body;
    }
  }
  for (const auto& route : front_->routes()) {
    EXPECT_TRUE(answered.contains({route.method, route.path}))
        << route.method << " " << route.path << " is not in the document";
  }
}

TEST_F(ProtocolsTest, WhatNoRouteAnswersHasTheFormOfItsProtocol) {
  const auto openAi = ask("GET", "/v1/nothing", "");
  EXPECT_EQ(openAi.status, 404);
  EXPECT_EQ(json::parse(openAi.body).at("error").at("code"), "not_found");
  const auto wrong = ask("GET", "/v1/embeddings", "");
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(wrong.field("Allow"), "POST");
  EXPECT_EQ(json::parse(wrong.body).at("error").at("type"), "invalid_request_error");
  EXPECT_EQ(json::parse(ask("POST", "/v1/embeddings", std::string(1001, ' ')).body)
                .at("error")
                .at("code"),
            "invalid_input");
  for (const auto* path : {"/nothing", "/v2/nothing"}) {
    const auto plain = ask("GET", path, "");
    EXPECT_EQ(plain.status, 404);
    EXPECT_TRUE(json::parse(plain.body).at("error").is_string()) << plain.body;
    EXPECT_EQ(plain.field("Content-Type"), "application/json");
  }
  const auto large = ask("POST", "/v2/models/m/infer", std::string(1001, ' '));
  EXPECT_EQ(large.status, 413);
  EXPECT_TRUE(json::parse(large.body).at("error").is_string());
  const auto header = ask("GET", "/v1/models?" + std::string(1001, 'x'), "");
  EXPECT_EQ(header.status, 431);
  const auto broken = ask("GET nonsense", "/", "");
  EXPECT_EQ(broken.status, 400);
  EXPECT_TRUE(json::parse(broken.body).at("error").is_string()) << broken.body;
}

}  // namespace
}  // namespace webpool::api
