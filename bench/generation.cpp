// What the pool costs a language model: its tokens a second, and its first token, against llama.cpp
// alone in a page of the same browser.
#include <fmt/format.h>

#include <array>
#include <boost/json.hpp>

#include "bare_browser.h"
#include "base/paths.h"
#include "failure.h"
#include "figures.h"
#include "pool/model_source.h"
#include "stopwatch.h"
#include "webpool/generation.h"
#include "webpool/pool.h"

namespace webpool::bench {
namespace {

constexpr const char* kModel = "smollm2-135m";
constexpr const char* kPrompt = "Tell me a long story about a dragon.";
constexpr unsigned kContext = 4096;
constexpr unsigned kBatch = 16;  // as the page has it

/// One answer: until its first text, and from there to its end.
struct Answer {
  double firstMs = 0;
  double restMs = 0;
  double promptMs = 0;  ///< as llama.cpp says
  double count = 0;     ///< tokens

  double tokensPerSecond() const { return 1000 * (count - 1) / restMs; }
};

/// Serves the model's file as the store keeps it.
void serveModel(BareServer& server, const std::string& path) {
  const auto source = valueOf(pool::ModelSource::open(base::pathsFromEnvironment().data));
  const auto model = valueOf(source->resolve(kModel, {}));
  const auto found = valueOf(source->content().resolve(model.files.at(0).cid));
  server.serveBytes(path,
                    valueOf(store::readContent(std::get<store::ResolvedFile>(found).content)));
}

Answer askPage(BareBrowser& browser, unsigned tokens) {
  const auto line = browser.ask(fmt::format("answer {} {}", tokens, kPrompt));
  require(!line.starts_with("failed"), line);
  const auto said = boost::json::parse(line);
  const auto number = [&](const char* key) { return said.at(key).to_number<double>(); };
  return {number("first_ms"), number("rest_ms"), number("prompt_ms"), number("count")};
}

Answer askPool(const Model& model, unsigned tokens) {
  const Stopwatch watch;
  double first = 0;
  const auto answer = valueOf(
      generate(model, {{"user", kPrompt}}, {.maxTokens = tokens}, {}, [&](std::string_view) {
        if (first == 0) first = watch.milliseconds();
      }));
  const auto all = watch.milliseconds();
  return {first, all - first, answer.promptMs, static_cast<double>(answer.generatedTokens)};
}

}  // namespace

void measureGeneration(const Settings& settings, Report& report) {
  PoolOptions options;
  options.cacheFolder = settings.work / "cache-generation";
  options.wasmThreads = 1;
  const auto pool = valueOf(ResourcePool::open(std::move(options)));
  const auto model = valueOf(pool->load(kModel, {.backend = Backend::Wasm, .context = kContext}));

  BareServer server;
  server.serveFolder("/pages/", settings.source / "bench/pages");
  server.serveFolder("/wllama/", settings.source / "web/node_modules/@wllama/wllama/esm");
  serveModel(server, "/model.gguf");
  BareBrowser browser(server, "/pages/wllama.html", settings.work / "cache-bare");
  const auto loaded = browser.ask(fmt::format("load /model.gguf {} {}", kContext, kBatch));
  require(!loaded.starts_with("failed"), loaded);

  const unsigned tokens = settings.count(64, 16);
  std::vector<double> firstInPool;
  std::vector<double> promptAlone;
  const std::array<Slice, 2> slices{
      [&] {
        const auto answer = askPage(browser, tokens);
        promptAlone.push_back(answer.promptMs);
        return answer.tokensPerSecond();
      },
      [&] {
        const auto answer = askPool(model, tokens);
        firstInPool.push_back(answer.firstMs);
        return answer.tokensPerSecond();
      },
  };
  const auto values = alternate(slices, settings.count(11, 3));
  report.add({.figure = "SmolLM2-135M Q4_1, decode",
              .numerator = {"through the pool", values[1], "tokens/s"},
              .denominator = {"wllama alone in the page", values[0], "tokens/s"},
              .ratio = ratioOf(values[1], values[0]),
              .aim = Aim{Aim::Kind::AtLeast, 0.97}},
             *settings.progress);
  report.add({.figure = "SmolLM2-135M Q4_1, first token on a warm worker",
              .numerator = {"from generate() to its text", firstInPool, "ms"},
              .denominator = {"the prompt alone, as llama.cpp says", promptAlone, "ms"},
              .ratio = ratioOf(firstInPool, promptAlone),
              .aim = {}},
             *settings.progress);
}

}  // namespace webpool::bench
