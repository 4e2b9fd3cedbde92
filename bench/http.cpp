// What the serving front costs: requests a second and their slowest, beside a server that does
// nothing, beside a page that does nothing, and beside a model that is looped inside its page.
#include <fmt/format.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "api/front.h"
#include "api/oip/routes.h"
#include "api/openai/routes.h"
#include "bare_browser.h"
#include "failure.h"
#include "figures.h"
#include "http_load.h"
#include "onnx/testing/model_builder.h"
#include "pool_access.h"
#include "stopwatch.h"

namespace webpool::bench {
namespace {

constexpr unsigned kClients = 64;
constexpr const char* kSentence =
    "The quick brown fox jumps over the lazy dog while the curious cat watches quietly";

/// The front over models that are loaded already.
class OpenFront {
 public:
  OpenFront() : models_({[] { return std::vector<std::string>{}; }, nullptr}, false) {
    front_ = valueOf(api::Front::open({}));
    api::oip::addRoutes(*front_, models_);
    api::openai::addRoutes(*front_, models_);
  }

  void add(const std::string& name, const Model& model) { models_.add(name, model); }
  std::string origin() const { return front_->origin(); }

 private:
  api::ServedModels models_;
  std::unique_ptr<api::Front> front_;
};

std::string inferBody(float value) {
  return fmt::format(
      R"({{"inputs":[{{"name":"x","datatype":"FP32","shape":[1,4],"data":[{},2,3,4]}}]}})", value);
}

void compare(const std::string& figure, const std::string& what, const HttpLoad& asked,
             const std::string& origin, const std::string& otherWhat,
             const std::function<HttpTimes()>& other, double aim, const Settings& settings,
             Report& report) {
  std::vector<double> slowest;
  std::vector<double> otherSlowest;
  const std::array<Slice, 2> slices{[&] {
                                      const auto times = load(origin, asked);
                                      slowest.push_back(times.quantile(0.99));
                                      return times.rate();
                                    },
                                    [&] {
                                      const auto times = other();
                                      // A page's round trips have no times of their own.
                                      if (times.quantile(0.99) > 0) {
                                        otherSlowest.push_back(times.quantile(0.99));
                                      }
                                      return times.rate();
                                    }};
  const auto values = alternate(slices, settings.count(11, 2));
  report.add({.figure = figure,
              .numerator = {what, values[0], "requests/s"},
              .denominator = {otherWhat, values[1], "requests/s"},
              .ratio = ratioOf(values[0], values[1]),
              .aim = Aim{Aim::Kind::AtLeast, aim}},
             *settings.progress);
  if (otherSlowest.empty()) return;
  report.add({.figure = figure + ", p99",
              .numerator = {what, slowest, "ms"},
              .denominator = {otherWhat, otherSlowest, "ms"},
              .ratio = ratioOf(slowest, otherSlowest),
              .aim = {}},
             *settings.progress);
}

/// Answers that are kept: everything but the browser has its part in them.
void measureFrontAlone(const std::filesystem::path& file, const Settings& settings,
                       Report& report) {
  OpenPool pool({.answerCache = 1 << 20});
  OpenModel identity(pool, file.native(), "fp32");
  OpenFront front;
  front.add("identity", identity.model());
  HttpLoad asked{.target = "/v2/models/identity/infer",
                 .bodies = {inferBody(1)},
                 .clients = kClients,
                 .requests = settings.count(60000, 6000)};
  const auto answer = load(front.origin(), asked).lastBody;
  const BareHttpServer bare(answer, "application/json");
  compare(
      "HTTP, a worker that does nothing, 64 clients", "the front with a kept answer", asked,
      front.origin(), "a bare Beast server with the same bytes",
      [&] { return load(bare.origin(), asked); }, 0.6, settings, report);
}

void measureIdentity(const std::filesystem::path& file, const Settings& settings, Report& report) {
  BareServer server;
  server.serveFolder("/pages/", settings.source / "bench/pages");
  OpenPool pool;
  BareBrowser bare(server, "/pages/echo.html", settings.work / "cache-bare");
  OpenModel identity(pool, file.native(), "fp32");
  OpenFront front;
  front.add("identity", identity.model());
  HttpLoad asked{.target = "/v2/models/identity/infer",
                 .bodies = {},
                 .clients = kClients,
                 .requests = settings.count(20000, 2000)};
  for (unsigned i = 0; i < 1000; ++i) asked.bodies.push_back(inferBody(float(i)));
  (void)load(front.origin(), asked);
  const auto message = Bytes::copyOf(asked.bodies.front());
  compare(
      "HTTP, an identity ONNX in Chromium, 64 in flight", "through HTTP and the pool", asked,
      front.origin(), "round trips to a bare page",
      [&] {
        const Stopwatch watch;
        bare.roundTrips(message, asked.requests, kClients);
        HttpTimes times;
        times.seconds = watch.milliseconds() / 1000;
        times.milliseconds.assign(asked.requests, 0);
        return times;
      },
      0.5, settings, report);
}

void measureEmbeddings(const Settings& settings, Report& report) {
  OpenPool pool;
  OpenModel model(pool, "all-minilm-l6-v2", "q4", {{"pooling", "mean"}, {"normalize", true}});
  const std::vector<Tensor> inputs{textTensor(kSentence)};
  model.warmUp(inputs, settings.count(50, 20));
  OpenFront front;
  front.add("all-minilm-l6-v2", model.model());
  const unsigned count = settings.count(60, 20);
  HttpLoad asked{.target = "/v1/embeddings", .bodies = {}, .clients = 2, .requests = count};
  // No two under way are equal, which would be one run.
  for (const auto* end : {".", "!", "?"}) {
    asked.bodies.push_back(
        fmt::format(R"({{"model":"all-minilm-l6-v2","input":"{}{}"}})", kSentence, end));
  }
  const std::array<Slice, 2> slices{[&] { return load(front.origin(), asked).rate(); },
                                    [&] { return 1000 / model.loopInPage(inputs, count); }};
  const auto values = alternate(slices, settings.count(21, 3));
  report.add({.figure = "HTTP, MiniLM q4, two in flight",
              .numerator = {"through HTTP", values[0], "sentences/s"},
              .denominator = {"the same, looped inside the page", values[1], "sentences/s"},
              .ratio = ratioOf(values[0], values[1]),
              .aim = Aim{Aim::Kind::AtLeast, 0.97}},
             *settings.progress);
}

}  // namespace

void measureHttp(const Settings& settings, Report& report) {
  const auto file = settings.work / "http-identity.onnx";
  std::ofstream(file) << onnx::testing::identityModel(DataType::Fp32, {"batch", "width"});
  measureFrontAlone(file, settings, report);
  measureIdentity(file, settings, report);
  measureEmbeddings(settings, report);
  std::filesystem::remove(file);
}

}  // namespace webpool::bench
