// The host of the page's address: browsers are told to ask no other one.
#pragma once

#include <string>
#include <string_view>

namespace webpool::browsers {

/// "127.0.0.1" of "http://127.0.0.1:8123/?x"; empty where there is none.
inline std::string pageHost(std::string_view url) {
  const auto scheme = url.find("://");
  if (scheme == std::string_view::npos) return {};
  url.remove_prefix(scheme + 3);
  url = url.substr(0, url.find_first_of("/?#"));
  if (const auto colon = url.rfind(':'); colon != std::string_view::npos && !url.ends_with(']')) {
    url = url.substr(0, colon);
  }
  return std::string(url);
}

}  // namespace webpool::browsers
