#include "media/sound_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace webpool::media {

SF_VIRTUAL_IO SoundFile::access() {
  return {
      .get_filelen =
          [](void* user) {
            return static_cast<sf_count_t>(static_cast<SoundFile*>(user)->bytes_.size());
          },
      .seek =
          [](sf_count_t offset, int whence, void* user) {
            auto& file = *static_cast<SoundFile*>(user);
            const auto size = static_cast<sf_count_t>(file.bytes_.size());
            const auto from = whence == SEEK_CUR   ? static_cast<sf_count_t>(file.at_)
                              : whence == SEEK_END ? size
                                                   : sf_count_t{0};
            // A header may say anything: no sum of two of its numbers may overflow.
            if (offset > size - from || offset < -from) return sf_count_t{-1};
            file.at_ = static_cast<std::size_t>(from + offset);
            return from + offset;
          },
      .read =
          [](void* to, sf_count_t count, void* user) {
            auto& file = *static_cast<SoundFile*>(user);
            const auto left = file.bytes_.subspan(file.at_);
            const auto taken =
                std::min(left.size(), static_cast<std::size_t>(std::max<sf_count_t>(0, count)));
            if (taken > 0) std::memcpy(to, left.data(), taken);
            file.at_ += taken;
            return static_cast<sf_count_t>(taken);
          },
      .write = [](const void*, sf_count_t, void*) { return sf_count_t{0}; },
      .tell =
          [](void* user) { return static_cast<sf_count_t>(static_cast<SoundFile*>(user)->at_); }};
}

Result<std::unique_ptr<SoundFile>> SoundFile::open(std::span<const std::byte> bytes) {
  std::unique_ptr<SoundFile> sound(new SoundFile(bytes));
  auto io = access();
  sound->file_ = sf_open_virtual(&io, SFM_READ, &sound->info_, sound.get());
  if (sound->file_ == nullptr) {
    return fail(ErrorCategory::InvalidInput,
                fmt::format("it is no sound file that can be read: {}", sf_strerror(nullptr)),
                "WAV, FLAC, OGG and MP3 are read");
  }
  if (sound->info_.channels < 1 || sound->info_.samplerate < 1) {
    return fail(ErrorCategory::InvalidInput, "it is a sound file without channels or a rate",
                "write it anew with a tool that can play it");
  }
  return sound;
}

SoundFile::~SoundFile() {
  if (file_ != nullptr) sf_close(file_);
}

std::size_t SoundFile::read(std::span<float> samples) {
  const auto frames = static_cast<sf_count_t>(samples.size() / channels());
  return static_cast<std::size_t>(
      std::max<sf_count_t>(0, sf_readf_float(file_, samples.data(), frames)));
}

}  // namespace webpool::media
