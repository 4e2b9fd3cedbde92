#include "cli/run_pictures.h"

#include <fmt/format.h>

#include <utility>

namespace webpool::cli {

Result<std::vector<NamedPicture>> decodePictures(std::span<const NamedBytes> files) {
  std::vector<NamedPicture> pictures;
  for (const auto& [name, bytes] : files) {
    auto picture = decodePicture(std::as_bytes(std::span(bytes)));
    if (!picture) {
      auto error = picture.error();
      error.message = fmt::format("{}: {}", name, error.message);
      return std::unexpected(std::move(error));
    }
    pictures.push_back({name, std::move(*picture)});
  }
  return pictures;
}

std::vector<Picture> takePictures(std::vector<NamedPicture>& named) {
  std::vector<Picture> pictures;
  for (auto& one : named) pictures.push_back(std::move(one.picture));
  return pictures;
}

}  // namespace webpool::cli
