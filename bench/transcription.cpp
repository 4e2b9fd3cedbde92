// What the pool costs a model that hears: how long it takes for a second of speech, against
// transformers.js alone in a page of the same browser, with the same weights and one thread each.
#include <fmt/format.h>

#include <array>
#include <boost/json.hpp>

#include "bare_browser.h"
#include "base/file.h"
#include "base/paths.h"
#include "failure.h"
#include "figures.h"
#include "pool/model_source.h"
#include "webpool/pool.h"
#include "webpool/speech.h"

namespace webpool::bench {
namespace {

constexpr const char* kModel = "whisper-tiny";
constexpr std::array kClips{"sense_and_sensibility_01_austen_64kb-0880",
                            "sense_and_sensibility_01_austen_64kb-0930"};

Sound clip(const char* name) {
  const auto file = valueOf(base::readFile(
      fmt::format("/usr/share/pocketsphinx/test/data/librivox/{}.wav", name), 64u << 20));
  return valueOf(decodeSound(std::as_bytes(std::span(file))));
}

double secondsOf(const Sound& sound) {
  return double(sound.samples.size()) / double(sound.rate);
}

/// Serves the model's files as the store keeps them.
void serveModel(BareServer& server) {
  const auto source = valueOf(pool::ModelSource::open(base::pathsFromEnvironment().data));
  const auto model = valueOf(source->resolve(kModel, {}));
  for (const auto& file : model.files) {
    const auto found = valueOf(source->content().resolve(file.cid));
    server.serveBytes("/models/whisper/" + file.path,
                      valueOf(store::readContent(std::get<store::ResolvedFile>(found).content)));
  }
}

}  // namespace

void measureTranscription(const Settings& settings, Report& report) {
  PoolOptions options;
  options.cacheFolder = settings.work / "cache-transcription";
  options.wasmThreads = 1;
  const auto pool = valueOf(ResourcePool::open(std::move(options)));
  const auto model = valueOf(pool->load(kModel, {.backend = Backend::Wasm}));

  BareServer server;
  server.serveFolder("/pages/", settings.source / "bench/pages");
  server.serveFolder("/transformers/",
                     settings.source / "web/node_modules/@huggingface/transformers/dist");
  server.serveFolder("/ort/", settings.source / "web/node_modules/onnxruntime-web/dist");
  serveModel(server);
  std::vector<Sound> sounds;
  double seconds = 0;
  for (std::size_t i = 0; i < kClips.size(); ++i) {
    sounds.push_back(clip(kClips[i]));
    seconds += secondsOf(sounds.back());
    server.serveBytes(fmt::format("/sound-{}", i),
                      Bytes::copyOf(std::as_bytes(std::span(sounds.back().samples))));
  }
  BareBrowser browser(server, "/pages/whisper.html", settings.work / "cache-bare");
  const auto loaded = browser.ask("load 1");
  require(!loaded.starts_with("failed"), loaded);

  // Seconds of work for a second of speech.
  const std::array<Slice, 2> slices{
      [&] {
        double all = 0;
        for (std::size_t i = 0; i < sounds.size(); ++i) {
          const auto line = browser.ask(fmt::format("transcribe /sound-{}", i));
          require(!line.starts_with("failed"), line);
          const auto said = boost::json::parse(line);
          require(!said.at("text").as_string().empty(), "the page heard nothing");
          all += said.at("ms").to_number<double>();
        }
        return all / 1000 / seconds;
      },
      [&] {
        double all = 0;
        for (const auto& sound : sounds) {
          const auto said = valueOf(transcribe(model, sound, {.language = "en"}));
          require(!said.text.empty(), "the pool heard nothing");
          all += said.timings.totalMs;
        }
        return all / 1000 / seconds;
      },
  };
  const auto values = alternate(slices, settings.count(11, 3));
  report.add({.figure = fmt::format("whisper-tiny q8, {:.1f} s of speech", seconds),
              .numerator = {"through the pool", values[1], "s a second of speech"},
              .denominator = {"transformers.js alone in the page", values[0], "s"},
              .ratio = ratioOf(values[1], values[0]),
              .aim = Aim{Aim::Kind::AtMost, 1.03}},
             *settings.progress);
}

}  // namespace webpool::bench
