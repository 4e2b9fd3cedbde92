#include "media/audio.h"

#include <fmt/format.h>

#include <cmath>
#include <optional>

#include "media/resampler.h"
#include "media/sound_file.h"

namespace webpool::media {
namespace {

constexpr std::size_t kBlock = 1 << 16;  // samples

/// The mean of the channels; false where one is no number.
bool mix(std::span<const float> interleaved, std::size_t channels, std::vector<float>& mono) {
  mono.clear();
  for (std::size_t at = 0; at + channels <= interleaved.size(); at += channels) {
    float sum = 0;
    for (std::size_t channel = 0; channel < channels; ++channel) sum += interleaved[at + channel];
    if (!std::isfinite(sum)) return false;
    mono.push_back(sum / static_cast<float>(channels));
  }
  return true;
}

}  // namespace

Result<Audio> decodeAudio(std::span<const std::byte> file, unsigned rate,
                          const AudioLimits& limits) {
  auto sound = SoundFile::open(file);
  if (!sound) return std::unexpected(sound.error());
  const auto channels = (*sound)->channels();
  std::optional<Resampler> resampler;
  if ((*sound)->rate() != rate) {
    auto made = Resampler::make((*sound)->rate(), rate);
    if (!made) return std::unexpected(made.error());
    resampler.emplace(std::move(*made));
  }
  Audio audio{.rate = rate, .samples = {}};
  std::vector<float> block(std::max(kBlock, channels));
  std::vector<float> mono;
  const auto most = limits.longest * rate;
  while (const auto frames = (*sound)->read(block)) {
    if (!mix(std::span(block).first(frames * channels), channels, mono)) {
      return fail(ErrorCategory::InvalidInput, "it holds samples that are no numbers",
                  "write it anew as 16-bit samples");
    }
    if (resampler) {
      resampler->add(mono, audio.samples);
    } else {
      audio.samples.insert(audio.samples.end(), mono.begin(), mono.end());
    }
    if (static_cast<double>(audio.samples.size()) > most) {
      return fail(ErrorCategory::InvalidInput,
                  fmt::format("it is longer than {:.0f} s", limits.longest), "cut it into parts");
    }
  }
  if (resampler) resampler->finish(audio.samples);
  if (audio.samples.empty()) {
    return fail(ErrorCategory::InvalidInput, "it is a sound file without a sample",
                "record it anew, or leave it out");
  }
  return audio;
}

}  // namespace webpool::media
