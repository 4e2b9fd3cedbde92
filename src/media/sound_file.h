// libsndfile over bytes in memory.
#pragma once

#include <sndfile.h>

#include <cstddef>
#include <memory>
#include <span>

#include "webpool/error.h"

namespace webpool::media {

/// Reads the bytes, which outlive it, block by block. Not thread-safe.
class SoundFile {
 public:
  /// InvalidInput for what libsndfile does not know.
  static Result<std::unique_ptr<SoundFile>> open(std::span<const std::byte> bytes);

  SoundFile(const SoundFile&) = delete;
  SoundFile& operator=(const SoundFile&) = delete;
  ~SoundFile();

  unsigned rate() const { return static_cast<unsigned>(info_.samplerate); }
  std::size_t channels() const { return static_cast<std::size_t>(info_.channels); }

  /// Whole frames (a sample of each channel) into `samples`, interleaved; how many. 0 at the end,
  /// and where the rest cannot be read.
  std::size_t read(std::span<float> samples);

 private:
  explicit SoundFile(std::span<const std::byte> bytes) : bytes_(bytes) {}

  static SF_VIRTUAL_IO access();

  std::span<const std::byte> bytes_;
  std::size_t at_ = 0;
  SF_INFO info_{};
  SNDFILE* file_ = nullptr;
};

}  // namespace webpool::media
