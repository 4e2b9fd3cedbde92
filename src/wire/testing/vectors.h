// Reads tests/vectors/wire for the tests of this folder.
#pragma once

#include <charconv>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include "base/file.h"
#include "webpool/tensor.h"

namespace webpool::wire::testing {

inline Bytes fromHex(std::string_view hex) {
  std::vector<std::byte> bytes(hex.size() / 2);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    unsigned value = 0;
    std::from_chars(hex.data() + 2 * i, hex.data() + 2 * i + 2, value, 16);
    bytes[i] = static_cast<std::byte>(value);
  }
  return Bytes::adopt(std::move(bytes));
}

inline std::string text(const boost::json::value& object, std::string_view key) {
  return std::string(object.at(key).as_string());
}

inline Bytes frameOf(const boost::json::value& vector) {
  return fromHex(text(vector, "frame"));
}

/// The vectors of one list of a file; none where the file is missing, which the tests refuse.
inline boost::json::array load(std::string_view file, std::string_view list) {
  const auto path = std::filesystem::path(WEBPOOL_SOURCE_DIR) / "tests/vectors/wire" / file;
  const auto contents = base::readFile(path);
  if (!contents) return {};
  boost::json::parse_options options;
  options.max_depth = 64;  // some vectors are as deep as the protocol allows
  return boost::json::parse(*contents, {}, options).at(list).as_array();
}

}  // namespace webpool::wire::testing
