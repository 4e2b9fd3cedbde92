// Pictures that `webpool run` is given.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "cli/run_inputs.h"
#include "webpool/vision.h"

namespace webpool::cli {

struct NamedPicture {
  std::string name;
  Picture picture;
};

/// InvalidInput says which file is none.
Result<std::vector<NamedPicture>> decodePictures(std::span<const NamedBytes> files);

/// One after another; the pictures themselves move.
std::vector<Picture> takePictures(std::vector<NamedPicture>& named);

}  // namespace webpool::cli
