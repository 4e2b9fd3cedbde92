// Conditional requests and the headers of content that never changes. Pure.
#pragma once

#include <string>
#include <string_view>

#include "net/http_types.h"

namespace webpool::api::gateway {

/// Whether an If-None-Match field names the tag: '*', or a list in which it stands, weak or not
/// (RFC 9110, section 13.1.2).
bool namesTag(std::string_view ifNoneMatch, std::string_view etag);

/// "attachment; filename=\"…\"", with the name in UTF-8 beside it where it is no plain ASCII.
std::string dispositionOf(bool attachment, std::string_view filename);

}  // namespace webpool::api::gateway
