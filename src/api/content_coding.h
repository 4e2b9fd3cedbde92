// Bodies of requests that come compressed (Content-Encoding). Pure.
#pragma once

#include <cstddef>
#include <expected>
#include <string>
#include <string_view>

#include "webpool/error.h"

namespace webpool::api {

struct CodingError {
  int status = 400;  ///< 413: too large when it is unpacked; 415: another coding
  Error error{};
};

/// The body without its coding, "gzip" or "deflate"; no more than `most` bytes are ever made of it.
std::expected<std::string, CodingError> decodedBody(std::string_view coding, std::string_view body,
                                                    std::size_t most);

}  // namespace webpool::api
