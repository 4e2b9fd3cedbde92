#include "media/audio.h"

#include <gmock/gmock.h>
#include <sndfile.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>
#include <numbers>
#include <string>

#include "base/file.h"

// libsndfile 1.2.0 leaks some 6 kB for each damaged Vorbis file that it refuses.
extern "C" const char* __lsan_default_suppressions();   // NOLINT(bugprone-reserved-identifier)
extern "C" const char* __lsan_default_suppressions() {  // NOLINT(bugprone-reserved-identifier)
  // By the library, for where there is no symbolizer to name the function.
  return "leak:vorbis_info_init\nleak:libvorbis.so\n";
}

namespace webpool::media {
namespace {

using testing::HasSubstr;

constexpr double kTone = 440;

std::vector<float> tone(unsigned rate, double seconds, unsigned channels = 1) {
  std::vector<float> samples;
  for (std::size_t i = 0; i < static_cast<std::size_t>(rate * seconds); ++i) {
    const auto at = static_cast<double>(i) / rate;
    const auto value = static_cast<float>(0.5 * std::sin(2 * std::numbers::pi * kTone * at));
    // The channels' mean is the tone, and none of them is.
    for (unsigned c = 0; c < channels; ++c)
      samples.push_back(channels == 1 ? value : c == 0 ? 2 * value : 0);
  }
  return samples;
}

/// What libsndfile writes in that format.
std::string encoded(int format, unsigned rate, unsigned channels,
                    const std::vector<float>& samples) {
  char path[] = "/tmp/webpool-audio-XXXXXX";
  const int fd = ::mkstemp(path);
  SF_INFO info{};
  info.samplerate = static_cast<int>(rate);
  info.channels = static_cast<int>(channels);
  info.format = format;
  auto* file = sf_open_fd(fd, SFM_WRITE, &info, 1);
  EXPECT_NE(file, nullptr) << sf_strerror(nullptr);
  if (file != nullptr) {
    sf_write_float(file, samples.data(), static_cast<sf_count_t>(samples.size()));
    sf_close(file);
  }
  auto bytes = base::readFile(path, 1 << 26);
  std::filesystem::remove(path);
  EXPECT_TRUE(bytes);
  return bytes ? std::move(*bytes) : std::string();
}

constexpr int kWav16 = SF_FORMAT_WAV | SF_FORMAT_PCM_16;

Result<Audio> decode(std::string_view bytes, const AudioLimits& limits = {}) {
  return decodeAudio(std::as_bytes(std::span(bytes)), 16'000, limits);
}

/// How much of the signal is the tone, by its sine and cosine; 1: all of it.
double toneShare(const Audio& audio) {
  double sine = 0;
  double cosine = 0;
  double energy = 0;
  for (std::size_t i = 0; i < audio.samples.size(); ++i) {
    const auto phase = 2 * std::numbers::pi * kTone * static_cast<double>(i) / audio.rate;
    sine += audio.samples[i] * std::sin(phase);
    cosine += audio.samples[i] * std::cos(phase);
    energy += static_cast<double>(audio.samples[i]) * audio.samples[i];
  }
  return (sine * sine + cosine * cosine) * 2 / (energy * static_cast<double>(audio.samples.size()));
}

TEST(Audio, SamplesOfTheWantedRateAreAsTheyWere) {
  const auto samples = tone(16'000, 0.5);
  const auto audio = decode(encoded(SF_FORMAT_WAV | SF_FORMAT_FLOAT, 16'000, 1, samples));
  ASSERT_TRUE(audio) << audio.error().describe();
  EXPECT_EQ(audio->rate, 16'000U);
  EXPECT_EQ(audio->samples, samples);
  EXPECT_DOUBLE_EQ(audio->seconds(), 0.5);
}

struct Format {
  const char* name;
  int format;
};

class Formats : public testing::TestWithParam<Format> {};

TEST_P(Formats, AreMixedAndResampled) {
  const auto bytes = encoded(GetParam().format, 48'000, 2, tone(48'000, 1, 2));
  const auto audio = decode(bytes);
  ASSERT_TRUE(audio) << audio.error().describe();
  // MP3 pads its first and last frame.
  EXPECT_NEAR(audio->seconds(), 1, 0.1);
  EXPECT_GT(toneShare(*audio), 0.9);
}

INSTANTIATE_TEST_SUITE_P(Audio, Formats,
                         testing::Values(Format{"wav", kWav16},
                                         Format{"flac", SF_FORMAT_FLAC | SF_FORMAT_PCM_16},
                                         Format{"vorbis", SF_FORMAT_OGG | SF_FORMAT_VORBIS},
                                         Format{"opus", SF_FORMAT_OGG | SF_FORMAT_OPUS},
                                         Format{"mp3", SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III}),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(Audio, AHeaderThatLiesGivesWhatIsThere) {
  auto wav = encoded(kWav16, 16'000, 1, tone(16'000, 0.25));
  const auto data = wav.find("data");
  ASSERT_NE(data, std::string::npos);
  for (const std::uint32_t lie : {0xffffffffU, 0x7fffffffU, 100'000'000U}) {
    std::memcpy(wav.data() + data + 4, &lie, sizeof lie);
    const auto audio = decode(wav);
    ASSERT_TRUE(audio) << audio.error().describe();
    EXPECT_EQ(audio->samples.size(), 4'000U) << lie;
  }
}

TEST(Audio, CutOffGivesWhatIsThere) {
  const auto wav = encoded(kWav16, 16'000, 1, tone(16'000, 0.25));
  const auto audio = decode(std::string_view(wav).substr(0, wav.size() / 2));
  ASSERT_TRUE(audio) << audio.error().describe();
  EXPECT_NEAR(static_cast<double>(audio->samples.size()), 2'000, 30);
}

TEST(Audio, WhatIsNoSoundIsSaidSo) {
  for (const auto* text : {"", "RIFF", "no sound at all", "\x89PNG\r\n\x1a\n"}) {
    const auto audio = decode(text);
    ASSERT_FALSE(audio) << text;
    EXPECT_EQ(audio.error().category, ErrorCategory::InvalidInput);
    EXPECT_THAT(audio.error().hint, HasSubstr("FLAC"));
  }
  const auto empty = decode(encoded(kWav16, 16'000, 1, {}));
  ASSERT_FALSE(empty);
  EXPECT_THAT(empty.error().message, HasSubstr("without a sample"));
}

TEST(Audio, SamplesThatAreNoNumbersAreRefused) {
  auto samples = tone(16'000, 0.1);
  samples[7] = std::numeric_limits<float>::quiet_NaN();
  const auto audio = decode(encoded(SF_FORMAT_WAV | SF_FORMAT_FLOAT, 16'000, 1, samples));
  ASSERT_FALSE(audio);
  EXPECT_EQ(audio.error().category, ErrorCategory::InvalidInput);
}

TEST(Audio, TooLongIsRefused) {
  const auto wav = encoded(kWav16, 16'000, 1, tone(16'000, 2));
  EXPECT_TRUE(decode(wav, {.longest = 2}));
  const auto audio = decode(wav, {.longest = 1.5});
  ASSERT_FALSE(audio);
  EXPECT_THAT(audio.error().message, HasSubstr("longer than"));
}

TEST(Audio, SamplesOfAProgramAreResampled) {
  for (const unsigned rate : {100U, 8'000U, 44'100U, 48'000U, 1'000'000U}) {
    const auto audio = resampled({.rate = rate, .samples = tone(rate, 1)}, 16'000);
    ASSERT_TRUE(audio) << audio.error().describe();
    EXPECT_EQ(audio->rate, 16'000U);
    EXPECT_NEAR(audio->seconds(), 1, 0.001) << rate;
    if (rate > 2 * kTone) EXPECT_GT(toneShare(*audio), 0.99) << rate;
  }
  const auto samples = tone(16'000, 0.5);
  EXPECT_EQ(resampled({.rate = 16'000, .samples = samples}, 16'000)->samples, samples);
}

TEST(Audio, SamplesOfAProgramThatAreNoSoundAreNamed) {
  const auto refused = [](unsigned rate, std::vector<float> samples, AudioLimits limits = {}) {
    const auto audio = resampled({.rate = rate, .samples = std::move(samples)}, 16'000, limits);
    EXPECT_FALSE(audio);
    if (audio) return std::string();
    EXPECT_EQ(audio.error().category, ErrorCategory::InvalidInput);
    EXPECT_NE(audio.error().hint, "");
    return audio.error().message;
  };
  constexpr auto kInfinity = std::numeric_limits<float>::infinity();
  EXPECT_THAT(refused(0, {0}), HasSubstr("0 samples a second"));
  EXPECT_THAT(refused(99, {0}), HasSubstr("99 samples a second"));
  EXPECT_THAT(refused(1'000'001, {0}), HasSubstr("1000001 samples"));
  EXPECT_THAT(refused(16'000, {}), HasSubstr("without a sample"));
  EXPECT_THAT(refused(16'000, {0, kInfinity}), HasSubstr("no numbers"));
  EXPECT_THAT(refused(8'000, {std::nanf("")}), HasSubstr("no numbers"));
  EXPECT_THAT(refused(100, std::vector<float>(151), {.longest = 1.5}), HasSubstr("longer than"));
}

/// Any byte may be anything: an answer or an error, and no crash (asan watches).
TEST(Audio, DamagedFilesNeverCrash) {
  for (const auto format :
       {kWav16, SF_FORMAT_FLAC | SF_FORMAT_PCM_16, SF_FORMAT_OGG | SF_FORMAT_VORBIS}) {
    const auto good = encoded(format, 16'000, 1, tone(16'000, 0.1));
    std::uint32_t state = 12'345;
    for (int i = 0; i < 300; ++i) {
      auto bad = good;
      for (int changes = 0; changes < 4; ++changes) {
        state = state * 1'664'525U + 1'013'904'223U;
        bad[(state >> 8) % bad.size()] = static_cast<char>(state >> 24);
      }
      const auto audio = decode(bad);
      if (!audio) EXPECT_EQ(audio.error().category, ErrorCategory::InvalidInput);
    }
  }
}

}  // namespace
}  // namespace webpool::media
