#include "tasks/file_types.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "wire/utf8.h"

namespace webpool::tasks {
namespace {

namespace json = boost::json;

struct Missing {
  std::string key;
};

const json::value& at(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  if (value == nullptr) throw Missing{std::string(key)};
  return *value;
}

std::int64_t numberOf(const json::object& object, std::string_view key, std::int64_t most) {
  const auto* number = at(object, key).if_int64();
  if (number == nullptr || *number < 0 || *number > most) throw Missing{std::string(key)};
  return *number;
}

double realOf(const json::value& value, std::string_view key) {
  if (!value.is_number()) throw Missing{std::string(key)};
  return value.to_number<double>();
}

std::string textOf(const json::value& value, std::string_view key) {
  const auto* text = value.if_string();
  if (text == nullptr) throw Missing{std::string(key)};
  return std::string(*text);
}

const json::object& objectOf(const json::value& value, std::string_view key) {
  const auto* object = value.if_object();
  if (object == nullptr) throw Missing{std::string(key)};
  return *object;
}

Result<json::object> parsed(std::string_view text, std::string_view file) {
  boost::system::error_code error;
  auto document = json::parse(text, error);
  if (!error && document.is_object()) return std::move(document.get_object());
  return fail(ErrorCategory::InvalidModel, fmt::format("{} is no JSON object", file));
}

std::string_view viewOf(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

constexpr std::string_view kBlank = " \t\n\v\f\r";
constexpr std::int64_t kMostBytes = 1 << 20;

}  // namespace

Result<FileTypeRules> FileTypeRules::read(std::string_view config, std::string_view contentTypes) {
  const auto rules = parsed(config, "config.min.json");
  if (!rules) return std::unexpected(rules.error());
  const auto kinds = parsed(contentTypes, "content_types_kb.min.json");
  if (!kinds) return std::unexpected(kinds.error());
  try {
    FileTypeRules result;
    result.beginning_ = static_cast<std::size_t>(numberOf(*rules, "beg_size", kMostBytes));
    result.end_ = static_cast<std::size_t>(numberOf(*rules, "end_size", kMostBytes));
    result.block_ = static_cast<std::size_t>(numberOf(*rules, "block_size", kMostBytes));
    result.least_ = static_cast<std::size_t>(numberOf(*rules, "min_file_size_for_dl", kMostBytes));
    result.padding_ = static_cast<std::int32_t>(numberOf(*rules, "padding_token", kMostBytes));
    if (result.least_ == 0 || result.least_ > result.beginning_)
      throw Missing{"min_file_size_for_dl"};
    // Other ways to look at a file than this one.
    if (numberOf(*rules, "mid_size", kMostBytes) != 0) throw Missing{"mid_size of 0"};
    if (at(*rules, "use_inputs_at_offsets") != json::value(false)) {
      throw Missing{"use_inputs_at_offsets of false"};
    }
    result.threshold_ =
        realOf(at(*rules, "medium_confidence_threshold"), "medium_confidence_threshold");
    for (const auto& [label, value] : objectOf(at(*rules, "thresholds"), "thresholds")) {
      result.higher_[label] = realOf(value, "thresholds");
    }
    for (const auto& [label, value] : objectOf(at(*rules, "overwrite_map"), "overwrite_map")) {
      result.for_[label] = textOf(value, "overwrite_map");
    }
    const auto* labels = at(*rules, "target_labels_space").if_array();
    if (labels == nullptr || labels->empty()) throw Missing{"target_labels_space"};
    for (const auto& label : *labels)
      result.labels_.push_back(textOf(label, "target_labels_space"));
    for (const auto& [label, value] : *kinds) {
      const auto& kind = objectOf(value, label);
      const auto optional = [&](std::string_view key) {
        const auto* text = kind.if_contains(key);
        return text != nullptr && text->is_string() ? std::string(text->get_string()) : "";
      };
      result.kinds_[label] = {optional("mime_type"), optional("group"), optional("description"),
                              at(kind, "is_text") == json::value(true)};
    }
    return result;
  } catch (const Missing& missing) {
    return fail(ErrorCategory::InvalidModel,
                fmt::format("the model's configuration has no usable {}", missing.key),
                "the task file-type-detection takes magika's models of version 2 and 3");
  }
}

bool FileTypeRules::appendFeatures(std::span<const std::byte> file,
                                   std::vector<std::int32_t>& rows) const {
  const auto looked = std::min(block_, file.size());
  auto beginning = viewOf(file.first(looked));
  auto end = viewOf(file.last(looked));
  beginning.remove_prefix(std::min(beginning.find_first_not_of(kBlank), beginning.size()));
  end = end.substr(0, end.find_last_not_of(kBlank) + 1);
  if (file.size() < least_ || beginning.size() < least_) return false;
  const auto append = [&](std::string_view bytes) {
    for (const char byte : bytes) rows.push_back(static_cast<unsigned char>(byte));
  };
  beginning = beginning.substr(0, beginning_);
  append(beginning);
  rows.insert(rows.end(), beginning_ - beginning.size(), padding_);
  if (end.size() > end_) end.remove_prefix(end.size() - end_);
  rows.insert(rows.end(), end_ - end.size(), padding_);
  append(end);
  return true;
}

FileType FileTypeRules::typeOf(const std::string& label, double score) const {
  FileType type{
      .label = label, .score = score, .mime = {}, .group = {}, .description = {}, .said = {}};
  if (const auto kind = kinds_.find(label); kind != kinds_.end()) {
    type.mime = kind->second.mime;
    type.group = kind->second.group;
    type.description = kind->second.description;
  }
  return type;
}

FileType FileTypeRules::withoutModel(std::span<const std::byte> file) const {
  if (file.empty()) return typeOf("empty", 1);
  return typeOf(
      wire::isValidUtf8(viewOf(file.first(std::min(block_, file.size())))) ? "txt" : "unknown", 1);
}

FileType FileTypeRules::withModel(std::span<const float> scores) const {
  const auto best = std::ranges::max_element(scores) - scores.begin();
  const auto& said = labels_[static_cast<std::size_t>(best)];
  const double score = scores[static_cast<std::size_t>(best)];
  const auto other = for_.find(said);
  auto label = other == for_.end() ? said : other->second;
  const auto higher = higher_.find(said);
  if (score < (higher == higher_.end() ? threshold_ : higher->second)) {
    const auto kind = kinds_.find(label);
    label = kind != kinds_.end() && kind->second.isText ? "txt" : "unknown";
  }
  auto type = typeOf(label, score);
  type.said = said;
  return type;
}

}  // namespace webpool::tasks
