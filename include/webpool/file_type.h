// What kind of file some bytes are, as a model sees it.
//
//   auto types = webpool::detectFileTypes(*(*pool)->load("magika"), contents);
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "webpool/model.h"

namespace webpool {

struct FileType {
  std::string label;        ///< "python", "png", "txt", "unknown", "empty"
  double score = 0;         ///< how sure the model is, 0 to 1; 1 where no model was asked
  std::string mime;         ///< "text/x-python"
  std::string group;        ///< "code"
  std::string description;  ///< "Python source"
  /// What the model said, where it was too unsure to be believed or its word stands for another;
  /// empty where no model was asked, for too few bytes.
  std::string said;

  bool operator==(const FileType&) const = default;
};

struct FileTypes {
  std::vector<FileType> files;  ///< one for each content
  unsigned runs = 0;
  RunTimings timings;  ///< of all runs together
  RanOn ranOn;         ///< of the last run
};

/// For a model of task "file-type-detection" (magika) and whole files, of which it reads the first
/// and the last 4 KiB. Blocks; thread-safe. Errors: InvalidArgument for another task, and those of
/// Model::run().
Result<FileTypes> detectFileTypes(const Model& model,
                                  std::span<const std::span<const std::byte>> contents,
                                  const RunOptions& options = {});

}  // namespace webpool
