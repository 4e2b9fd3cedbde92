#include "media/audio.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "media/resampler.h"
#include "media/sound_file.h"

namespace webpool::media {
namespace {

constexpr std::size_t kBlock = 1 << 16;  // samples
// Of samples without a file: outside of these somebody took another number for the rate.
constexpr unsigned kSlowest = 100;
constexpr unsigned kFastest = 1'000'000;

std::unexpected<Error> tooLong(const AudioLimits& limits) {
  return fail(ErrorCategory::InvalidInput,
              fmt::format("it is longer than {:.0f} s", limits.longest), "cut it into parts");
}

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
    if (static_cast<double>(audio.samples.size()) > most) return tooLong(limits);
  }
  if (resampler) resampler->finish(audio.samples);
  if (audio.samples.empty()) {
    return fail(ErrorCategory::InvalidInput, "it is a sound file without a sample",
                "record it anew, or leave it out");
  }
  return audio;
}

Result<Audio> resampled(Audio audio, unsigned rate, const AudioLimits& limits) {
  if (audio.rate < kSlowest || audio.rate > kFastest) {
    return fail(ErrorCategory::InvalidInput,
                fmt::format("no sound has {} samples a second", audio.rate),
                "give the rate that it was recorded with, 16000 or 44100 for example");
  }
  if (audio.samples.empty()) {
    return fail(ErrorCategory::InvalidInput, "it is a sound without a sample",
                "record it anew, or leave it out");
  }
  if (audio.seconds() > limits.longest) return tooLong(limits);
  if (!std::ranges::all_of(audio.samples, [](float sample) { return std::isfinite(sample); })) {
    return fail(ErrorCategory::InvalidInput, "it holds samples that are no numbers",
                "put 0 where a sample is NaN or infinite");
  }
  if (audio.rate == rate) return audio;
  auto resampler = Resampler::make(audio.rate, rate);
  if (!resampler) return std::unexpected(resampler.error());
  Audio result{.rate = rate, .samples = {}};
  for (std::size_t at = 0; at < audio.samples.size(); at += kBlock) {
    const auto left = audio.samples.size() - at;
    resampler->add(std::span(audio.samples).subspan(at, std::min(left, kBlock)), result.samples);
  }
  resampler->finish(result.samples);
  return result;
}

}  // namespace webpool::media
