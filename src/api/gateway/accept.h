// The Accept field of HTTP (RFC 9110, section 12.5.1). Pure.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace webpool::api::gateway {

struct AcceptedType {
  std::string type;                                            ///< lower case, without parameters
  std::map<std::string, std::string, std::less<>> parameters;  ///< names in lower case, without q
};

/// The types in order of preference, those with q=0 left out.
std::vector<AcceptedType> acceptedTypes(std::string_view header);

}  // namespace webpool::api::gateway
