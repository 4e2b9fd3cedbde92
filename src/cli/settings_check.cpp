#include "cli/settings_check.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "browsers/browser.h"
#include "cli/byte_size.h"
#include "cli/link_ttl.h"
#include "cli/listen_address.h"
#include "cli/webdriver_guest.h"
#include "remote/client.h"
#include "sources/content_servers.h"

namespace webpool::cli {
namespace {

double numberOf(const settings::Values& values, std::string_view name, double otherwise) {
  const auto found = values.find(name);
  if (found == values.end() || found->second.texts.empty()) return otherwise;
  const auto& text = found->second.texts.front();
  double number = otherwise;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

Result<void> checkNames(const settings::Values& values, std::string_view setting,
                        const std::vector<std::string>& known) {
  const auto found = values.find(setting);
  if (found == values.end()) return {};
  for (const auto& text : found->second.texts) {
    if (std::ranges::find(known, text) != known.end()) continue;
    return fail(ErrorCategory::InvalidArgument,
                fmt::format("{}: {} is '{}', which is none", found->second.origin, setting, text),
                fmt::format("one of {}", fmt::join(known, ", ")));
  }
  return {};
}

/// Amounts of memory, as takeByteSize() takes them.
Result<void> checkSizes(const settings::Values& values) {
  constexpr std::uint64_t kLeast = std::uint64_t{1} << 20;
  for (const auto& [name, value] : values) {
    const auto* const setting = settings::find(name);
    if (setting == nullptr || setting->type != settings::Type::Size) continue;
    for (const auto& text : value.texts) {
      if (parseByteSize(text).value_or(0) >= kLeast) continue;
      return fail(ErrorCategory::InvalidArgument,
                  fmt::format("{}: {} is '{}', which is no amount of a MiB or more", value.origin,
                              name, text),
                  "write 4GB or 1500MiB");
    }
  }
  return {};
}

std::unexpected<Error> wrongForm(std::string_view name, const settings::Value& value, Error error) {
  error.message = fmt::format("{}: {}: {}", value.origin, name, error.message);
  return std::unexpected(std::move(error));
}

/// What may be wrong with the text of that setting; nothing where its form is free.
Result<void> formOf(std::string_view name, const std::string& text) {
  const auto of = [](const auto& read) -> Result<void> {
    if (!read) return std::unexpected(read.error());
    return {};
  };
  if (name == "link_ttl" && !parseLinkTtl(text)) {
    return fail(ErrorCategory::InvalidArgument, fmt::format("'{}' is no time from 1s to 30d", text),
                "write 90m, 24h or 2d");
  }
  if ((name == "host" || name == "api_host") && !listenHost(text)) {
    return fail(ErrorCategory::InvalidArgument, fmt::format("'{}' is no IP address", text),
                "write 127.0.0.1 for this machine only, or 0.0.0.0 for all its addresses");
  }
  if (name == "url") return of(remote::addressOf(text, ""));
  if (name == "kubo") return of(sources::checkedSettings({.kubo = text}));
  if (name == "gateway") return of(sources::checkedSettings({.gateways = {text}}));
  if (name == "peer") return of(sources::checkedSettings({.nodes = {text}}));
  if (name == "router") return of(sources::checkedSettings({.routers = {text}}));
  if (name == "webdriver") return of(parseWebDriverTarget(text));
  return {};
}

}  // namespace

Result<void> checkForms(const settings::Values& values) {
  for (const auto& [name, value] : values) {
    for (const auto& text : value.texts) {
      if (text.empty()) continue;  // as if it were not said
      if (auto fits = formOf(name, text); !fits) return wrongForm(name, value, fits.error());
    }
  }
  return {};
}

Result<void> checkScaling(double up, double down) {
  if (down < up) return {};
  return fail(
      ErrorCategory::InvalidArgument,
      fmt::format("workers would go below a busy share of {} and come above one of {}: they "
                  "would come and go without end",
                  down, up),
      "scale_down_threshold must be less than scale_up_threshold");
}

/// As the pool will refuse it. A max_connections of 0 leaves the number to the pool.
Result<void> checkConnections(const settings::Values& values) {
  const auto least = numberOf(values, "min_connections", 1);
  const auto most = numberOf(values, "max_connections", 0);
  if (most == 0 || least <= most) return {};
  return fail(ErrorCategory::InvalidArgument,
              fmt::format("min_connections is {}, and max_connections {}", least, most),
              "lower the least number, or raise the most");
}

Result<void> checkSettings(const settings::Values& values) {
  auto names = browsers::BrowserFinder::knownNames();
  names.insert(names.begin(), "auto");
  const std::array checks{
      std::pair{"browser", std::move(names)},
      std::pair{"backend", std::vector<std::string>{"auto", "wasm", "webgpu", "webnn"}},
      std::pair{"peer_sharing", std::vector<std::string>{"auto", "on", "off"}}};
  for (const auto& [setting, known] : checks) {
    if (auto fits = checkNames(values, setting, known); !fits) return fits;
  }
  if (auto fits = checkSizes(values); !fits) return fits;
  if (auto fits = checkForms(values); !fits) return fits;
  if (auto fits = checkConnections(values); !fits) return fits;
  return checkScaling(numberOf(values, "scale_up_threshold", 0.7),
                      numberOf(values, "scale_down_threshold", 0.3));
}

}  // namespace webpool::cli
