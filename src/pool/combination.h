// Which model was judged on what, and the little JSON files that keep such judgements between runs.
// A newer browser, adapter or webpool is another combination and is judged anew.
#pragma once

#include <boost/json/object.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "webpool/error.h"
#include "webpool/model.h"

namespace webpool::pool {

struct Combination {
  std::string model;  ///< CID of its root; of a component also "/" and its name
  std::string dtype;
  std::string backend;
  std::string browser;
  std::string version;  ///< of the browser
  std::string adapter;  ///< label; empty where the backend needs none

  bool operator==(const Combination&) const = default;
};

/// It is one graph of several, of which others may be loaded too.
bool isComponent(const ModelDescription& description);

/// Combination::model of that model.
std::string combinedName(const ModelDescription& description);

boost::json::object toJson(const Combination& what);
Combination combinationFromJson(const boost::json::object& object);

/// "" where it is no text: then the entry matches nothing.
std::string textOf(const boost::json::object& object, const char* key);

/// The objects under `key` of a file that this version of webpool wrote: another has another
/// runtime in its page. Empty where there are none, or where the file can't be read.
std::vector<boost::json::object> readKept(const std::filesystem::path& file, const char* key);

/// Replaces the file. Where there are too many, the first of `entries` are left out. Storage when
/// it can't be written.
Result<void> writeKept(const std::filesystem::path& file, const char* key,
                       std::vector<boost::json::object> entries);

/// Entries of such a file at most.
inline constexpr std::size_t kMostKept = 1000;

/// The day that it is (UTC), "2026-11-23".
std::string today();

}  // namespace webpool::pool
