// From a file's bytes to what magika's models take, and from their answer to a kind of file
// (Fratantonio et al. 2024, "Magika: AI-Powered Content-Type Detection"; feature extraction 2).
// Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "webpool/error.h"
#include "webpool/file_type.h"

namespace webpool::tasks {

class FileTypeRules {
 public:
  /// The texts of config.min.json and content_types_kb.min.json. InvalidModel names what is
  /// missing.
  static Result<FileTypeRules> read(std::string_view config, std::string_view contentTypes);

  /// Values of one row of the model's input.
  std::size_t width() const { return beginning_ + end_; }
  std::size_t labels() const { return labels_.size(); }

  /// Appends a row: the bytes at the beginning and at the end, blanks stripped, the rest padding.
  /// False, and no row, where there are too few bytes for the model: see withoutModel().
  bool appendFeatures(std::span<const std::byte> file, std::vector<std::int32_t>& rows) const;

  /// Of a file with too few bytes: empty, text or unknown.
  FileType withoutModel(std::span<const std::byte> file) const;

  /// `scores`: labels() of them.
  FileType withModel(std::span<const float> scores) const;

 private:
  struct Kind {
    std::string mime;
    std::string group;
    std::string description;
    bool isText = false;
  };

  FileType typeOf(const std::string& label, double score) const;

  std::size_t beginning_ = 0;
  std::size_t end_ = 0;
  std::size_t block_ = 0;  ///< bytes looked at, at each end
  std::size_t least_ = 0;  ///< bytes that the model needs
  std::int32_t padding_ = 0;
  double threshold_ = 0;                    ///< below it the model is not believed
  std::map<std::string, double> higher_;    ///< thresholds of labels that are easily mistaken
  std::map<std::string, std::string> for_;  ///< labels that stand for others
  std::vector<std::string> labels_;
  std::map<std::string, Kind> kinds_;
};

}  // namespace webpool::tasks
