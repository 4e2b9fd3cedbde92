// The form that an upload comes in (multipart/form-data, RFC 7578). Pure; the parts are views of
// the body.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "webpool/error.h"

namespace webpool::api::openai {

struct FormPart {
  std::string name;
  std::string filename;  ///< empty for a plain field
  std::string contentType;
  std::string_view data;
};

inline constexpr std::size_t kMostParts = 64;
inline constexpr std::size_t kMostPartHeader = 8192;  ///< bytes

/// `contentType` is the request's header. InvalidArgument for another type, no boundary, more than
/// kMostParts parts, a part without a name or an end, and a header longer than kMostPartHeader.
Result<std::vector<FormPart>> parseForm(std::string_view contentType, std::string_view body);

}  // namespace webpool::api::openai
