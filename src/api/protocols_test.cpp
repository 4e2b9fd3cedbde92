#include "api/protocols.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <set>

#include "api/gateway_routes.h"
#include "api/native/routes.h"
#include "base/random.h"
#include "net/test_server.h"
#include "remote/codec.h"
#include "webpool/version.h"

namespace webpool::api {
namespace {

namespace json = boost::json;
using net::RawClient;
using testing::HasSubstr;

/// All that `webpool serve` answers programs with, with no model behind it and two files in its
/// store.
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
  void TearDown() override {
    native_.reset();
    pool_.reset();
    fakeServer_.reset();
    front_.reset();
    store_.reset();
    if (!folder_.empty()) std::filesystem::remove_all(folder_);
  }

  /// The rest of what a server has: the gateway over a store, and what other programs' pools call.
  void addTheRest() {
    char pattern[] = "/tmp/webpool-protocols-test-XXXXXX";
    folder_ = ::mkdtemp(pattern);
    std::filesystem::create_directories(folder_ / "in");
    std::ofstream(folder_ / "in/hello.txt") << "hello world";
    store_ = store::ContentStore::open(folder_ / "store", base::systemRandom()).value();
    const auto imported = store_->importPath(folder_ / "in");
    ASSERT_TRUE(imported) << imported.error().describe();
    root_ = imported->root.text();
    addGateway(*front_, *store_, {"12D3KooWnobody", {"/ip4/127.0.0.1/tcp/1/http"}}, false);
    // Its routes need a pool; nothing is asked of it here. One without browsers is that of a
    // server, and this fake one says what it is and no more.
    fakeServer_ = Front::open({}).value();
    fakeServer_->route("GET", "/webpool/v1", "fake", [](const auto& exchange) {
      exchange->respond(jsonResponse(
          200, json::serialize(json::object{
                   {"name", "webpool"}, {"version", kVersion}, {"protocol", remote::kProtocol}})));
    });
    PoolOptions options;
    options.url = fakeServer_->origin();
    auto pool = ResourcePool::open(std::move(options));
    ASSERT_TRUE(pool) << pool.error().describe();
    pool_ = std::move(*pool);
    native_ = std::make_unique<native::NativeApi>(*pool_, models_,
                                                  [](const std::string&) { return false; });
    native_->addRoutes(*front_);
  }

  /// With a body where the method has one, and the fields `more`, each with its end of line.
  net::ClientResponse ask(const std::string& method, const std::string& path,
                          const std::string& body = "{}", const std::string& more = {}) const {
    const auto origin = front_->origin();
    RawClient client(static_cast<std::uint16_t>(std::stoi(origin.substr(origin.rfind(':') + 1))));
    client.send(method + " " + path + " HTTP/1.1\r\nHost: " + origin.substr(7) + "\r\n" + more +
                "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    return client.receive(method != "HEAD");
  }

  json::value document() const { return json::parse(ask("GET", "/openapi.json", "").body); }

  ServedModels models_;
  std::filesystem::path folder_;
  std::unique_ptr<store::ContentStore> store_;
  std::string root_;  ///< of the folder that the store holds
  std::unique_ptr<Front> front_;
  std::unique_ptr<Front> fakeServer_;
  std::unique_ptr<ResourcePool> pool_;
  std::unique_ptr<native::NativeApi> native_;
};

/// What is served and no API of the document, with the reason.
const std::set<std::pair<std::string, std::string>> kNotInTheDocument{
    // Programs whose pool is this one: frames of one version of webpool (docs/serving.md).
    {"GET", "/webpool/v1"},
    {"POST", "/webpool/v1/*"},
    // Names are refused, whatever is asked: 501.
    {"GET", "/ipns/*"},
    {"OPTIONS", "/ipns/*"},
};

std::string upper(std::string text) {
  for (auto& c : text) c = static_cast<char>(c - 'a' + 'A');
  return text;
}

std::string filledIn(std::string path, const std::string& cid) {
  for (const auto& [name, value] : {std::pair<std::string, std::string>{"{model}", "none"},
                                    {"{version}", "1"},
                                    {"{cid}", cid},
                                    {"{path}", "hello.txt"},
                                    {"{peer}", "12D3KooWnobody"}}) {
    const auto at = path.find(name);
    if (at != std::string::npos) path.replace(at, name.size(), value);
  }
  return path;
}

/// Where a route answers GET, it answers HEAD.
bool answers(const Front::Route& route, const std::string& method, const std::string& path) {
  if (route.method != (method == "HEAD" ? "GET" : method)) return false;
  return route.path.ends_with('*')
             ? path.starts_with(std::string_view(route.path).substr(0, route.path.size() - 1))
             : path == route.path;
}

/// What is written there, or where it leads to.
const json::value& resolved(const json::value& document, const json::value& value) {
  const auto* reference = value.is_object() ? value.as_object().if_contains("$ref") : nullptr;
  if (reference == nullptr) return value;
  return document.at_pointer(std::string_view(reference->as_string()).substr(1));
}

TEST_F(ProtocolsTest, EveryRouteIsInTheDocumentAndThereIsNothingElseInIt) {
  addTheRest();
  const auto told = document();
  EXPECT_EQ(told.at("info").at("version"), kVersion);
  std::set<std::pair<std::string, std::string>> answered;
  for (const auto& [path, operations] : told.at("paths").as_object()) {
    for (const auto& [method, operation] : operations.as_object()) {
      const auto asked = filledIn(std::string(path), root_);
      const auto verb = upper(std::string(method));
      const auto routes = front_->routes();
      const auto route =
          std::ranges::find_if(routes, [&](const auto& one) { return answers(one, verb, asked); });
      ASSERT_NE(route, routes.end()) << verb << " " << path << " is no route";
      answered.insert({route->method, route->path});
      // A prefix takes more than the document says: this is one that has a meaning.
      const auto answer = ask(verb, asked, verb == "POST" ? "{}" : "");
      EXPECT_THAT(answer.body, testing::Not(HasSubstr("there is nothing at"))) << verb << path;
      EXPECT_TRUE(operation.at("responses").as_object().contains(std::to_string(answer.status)))
          << verb << " " << path << " answered " << answer.status << ": " << answer.body;
    }
  }
  for (const auto& route : front_->routes()) {
    const std::pair one{route.method, route.path};
    EXPECT_NE(answered.contains(one), kNotInTheDocument.contains(one))
        << route.method << " " << route.path << " is not in the document, or for no reason";
    answered.insert(one);
  }
  for (const auto& [method, path] : kNotInTheDocument) {
    EXPECT_TRUE(answered.contains({method, path})) << method << " " << path << " is no route";
  }
}

TEST_F(ProtocolsTest, TheGatewaysAnswersAreThoseOfTheDocument) {
  addTheRest();
  const auto told = document();
  const auto& operation = told.at("paths").at("/ipfs/{cid}/{path}").at("get");
  const auto expectTold = [&](const std::string& query, const std::string& more, int status) {
    const auto answer = ask("GET", "/ipfs/" + root_ + "/hello.txt" + query, "", more);
    EXPECT_EQ(answer.status, status) << query << more;
    const auto& responses = operation.at("responses").as_object();
    const auto* written = responses.if_contains(std::to_string(answer.status));
    ASSERT_NE(written, nullptr) << query << more << " answered " << answer.status;
    const auto& response = resolved(told, *written).as_object();
    const auto* content = response.if_contains("content");
    const auto field = std::string(answer.field("Content-Type"));
    const auto type = field.substr(0, field.find(';'));
    const bool known = content != nullptr && (content->as_object().contains(type) ||
                                              content->as_object().contains("*/*"));
    EXPECT_TRUE(known || status == 304) << query << more << ": " << type;
    if (const auto* headers = response.if_contains("headers")) {
      for (const auto& [name, header] : headers->as_object()) {
        if (name == "Content-Disposition") continue;  // of blocks and CARs
        EXPECT_NE(answer.field(std::string(name)), "") << query << more << ": " << name;
      }
    }
  };
  std::set<std::string> formats;
  for (const auto& parameter : operation.at("parameters").as_array()) {
    const auto& one = resolved(told, parameter);
    const auto name = std::string(one.at("name").as_string());
    const auto* choices = one.at("schema").as_object().if_contains("enum");
    if (one.at("in") != "query" || choices == nullptr) continue;
    for (const auto& choice : choices->as_array()) {
      const auto value = std::string(choice.as_string());
      if (name == "format") formats.insert(value);
      // A file is no value of these codecs.
      const bool other = value == "dag-json" || value == "dag-cbor";
      const std::string first =
          name.starts_with("car-") || name == "dag-scope" ? "?format=car&" : "?";
      expectTold(first + name + "=" + value, "", other ? 406 : 200);
    }
  }
  EXPECT_EQ(formats.size(), 6u);
  expectTold("?format=tar", "", 406);
  expectTold("?format=car&car-version=2", "", 400);
  expectTold("?format=car&entity-bytes=0:1", "", 200);
  expectTold("", "Range: bytes=0-3\r\n", 206);
  expectTold("", "Range: bytes=99-\r\n", 416);
  expectTold("", "If-None-Match: *\r\n", 304);
  expectTold("/below", "", 404);
}

TEST_F(ProtocolsTest, TheRepositorysIndexIsAskedForWithAnObjectOrNothing) {
  for (const auto* body : {"", "{}", R"({"ready": true})", R"({"ready": false})"}) {
    const auto answer = ask("POST", "/v2/repository/index", body);
    EXPECT_EQ(answer.status, 200) << body;
    EXPECT_EQ(answer.body, "[]") << body;
  }
  for (const auto* body : {"[]", "{", R"({"ready": 1})", R"({"redy": true})"}) {
    const auto answer = ask("POST", "/v2/repository/index", body);
    EXPECT_EQ(answer.status, 400) << body;
    EXPECT_TRUE(json::parse(answer.body).at("error").is_string()) << answer.body;
  }
}

TEST_F(ProtocolsTest, WhatIsAskedOfALoadAndIsNotDoneIsRefusedBeforeTheModelIsLookedFor) {
  const auto refused = [this](const std::string& action, const std::string& body) {
    const auto answer = ask("POST", "/v2/repository/models/none/" + action, body);
    EXPECT_EQ(answer.status, 400) << body;
    return std::string(json::parse(answer.body).at("error").as_string());
  };
  EXPECT_THAT(refused("load", "{bad"), HasSubstr("no JSON"));
  EXPECT_THAT(refused("load", R"({"parameters": {"config": "{}"}})"), HasSubstr("config"));
  EXPECT_THAT(refused("unload", "{bad"), HasSubstr("no JSON"));
  EXPECT_EQ(ask("POST", "/v2/repository/models/none/load", "{}").status, 404);
  EXPECT_EQ(ask("POST", "/v2/repository/models/none/load", "").status, 404);
  EXPECT_EQ(ask("POST", "/v2/repository/models/none/unload",
                R"({"parameters": {"unload_dependents": false}})")
                .status,
            404);
}

TEST_F(ProtocolsTest, AGenerationIsStreamedOrNotAsItsPathSays) {
  const auto asked = [this](const std::string& action, const std::string& fields) {
    return ask("POST", "/v2/models/none/" + action, R"({"text_input": "a", )" + fields + "}");
  };
  for (const auto* fields : {R"("stream": false)", R"("parameters": {"stream": false})"}) {
    EXPECT_EQ(asked("generate", fields).status, 404) << "it gets to the model's name";
    const auto refused = asked("generate_stream", fields);
    EXPECT_EQ(refused.status, 400);
    EXPECT_THAT(refused.body, HasSubstr("stream: here only true")) << fields;
  }
  EXPECT_EQ(asked("generate_stream", R"("stream": true)").status, 404);
  EXPECT_THAT(asked("generate", R"("stream": true)").body, HasSubstr("stream: here only false"));
  EXPECT_THAT(asked("generate", R"("max_tokens": 3)").body, HasSubstr("max_tokens: there is no"));
}

TEST_F(ProtocolsTest, WhatNoRouteAnswersHasTheFormOfItsProtocol) {
  const auto openAi = ask("GET", "/v1/nothing", "");
  EXPECT_EQ(openAi.status, 404);
  EXPECT_EQ(json::parse(openAi.body).at("error").at("code"), "not_found");
  const auto wrong = ask("GET", "/v1/embeddings", "");
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(wrong.field("Allow"), "POST");
  EXPECT_EQ(json::parse(wrong.body).at("error").at("type"), "invalid_request_error");
  const auto inferred = ask("GET", "/v2/models/m/infer", "");
  EXPECT_EQ(inferred.status, 405);
  EXPECT_EQ(inferred.field("Allow"), "POST");
  EXPECT_EQ(json::parse(inferred.body).at("error"), "infer takes POST");
  EXPECT_THAT(ask("GET", "/v2/models/m/stats", "").body, HasSubstr("nothing at this path"));
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
  for (const auto& [status, answer] :
       {std::pair{405, ask("PUT", "/embed", "")}, std::pair{405, ask("POST", "/info", "")},
        std::pair{413, ask("POST", "/embed", std::string(1001, ' '))},
        std::pair{405, ask("DELETE", "/health", "")},
        std::pair{415, ask("POST", "/embed", "{}", "Content-Encoding: br\r\n")}}) {
    EXPECT_EQ(answer.status, status);
    EXPECT_EQ(json::parse(answer.body).at("error_type"), "Validation") << answer.body;
  }
  const auto late = refusal(408, "/embed", "the request's body came too slowly");
  EXPECT_EQ(late.status, 408);
  EXPECT_EQ(json::parse(std::get<std::string>(late.body)),
            json::parse(R"({"error": "the request's body came too slowly",
                            "error_type": "Validation"})"));
  const auto full = refusal(503, "/embed", "the bodies of other requests take all room");
  EXPECT_EQ(json::parse(std::get<std::string>(full.body)).at("error_type"), "Overloaded");
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
