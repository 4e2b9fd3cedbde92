// The version of the library, as in CMakeLists.txt and CHANGELOG.md.
#pragma once

namespace webpool {

inline constexpr const char* kVersion = "0.1.0";

}  // namespace webpool
