#include "cli/content_sources.h"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <cstdio>

#include "cli/settings_flags.h"
#include "cli/terminal.h"

namespace webpool::cli {

void SourceFlags::addTo(CLI::App& command) {
  constexpr const char* kGroup = "Sources of content (none is trusted)";
  const auto add = [&](const char* name, std::vector<std::string>& texts, const char* about) {
    command.add_option(name, texts, about)
        ->allow_extra_args(false)
        ->type_name("URL")
        ->group(kGroup);
  };
  add("--gateway", gateways, "An IPFS gateway, https://HOST; repeatable");
  add("--peer", peers, "Another webpool node, http:// too; repeatable");
  add("--router", routers, "An HTTP routing server that knows who has it; repeatable");
  command.add_option("--kubo", kubo, "The Kubo of this machine, or off (default: port 8080)")
      ->type_name("URL")
      ->group(kGroup);
}

Result<sources::ContentSettings> contentSettings(const Context& context, const SourceFlags& flags) {
  const auto given = givenSettings(context);
  if (!given) return std::unexpected(given.error());
  const auto list = [&](const std::vector<std::string>& flag, std::string_view name) {
    if (!flag.empty()) return flag;
    const auto found = given->find(name);
    return found == given->end() ? std::vector<std::string>() : found->second.texts;
  };
  sources::ContentSettings settings{.gateways = list(flags.gateways, "gateway"),
                                    .nodes = list(flags.peers, "peer"),
                                    .routers = list(flags.routers, "router")};
  const auto kubo = flags.kubo.empty() ? list({}, "kubo") : std::vector{flags.kubo};
  if (!kubo.empty()) settings.kubo = kubo.front();
  return sources::checkedSettings(std::move(settings));
}

Result<std::unique_ptr<sources::ContentFetch>> beginFetch(const Context& context,
                                                          store::ContentStore& store,
                                                          const SourceFlags& flags) {
  auto settings = contentSettings(context, flags);
  if (!settings) return std::unexpected(settings.error());
  return sources::ContentFetch::begin(
      store, *context.http, {.settings = std::move(*settings), .data = context.paths.data});
}

boost::json::array liarsArray(const std::vector<sources::BytesOf>& sources) {
  boost::json::array liars;
  for (const auto& one : sources) {
    if (one.lied) liars.emplace_back(one.source);
  }
  return liars;
}

void reportSources(const Context& context, const std::vector<sources::BytesOf>& sources) {
  if (context.quiet) return;
  std::string text;
  for (const auto& one : sources) {
    if (one.bytes == 0) continue;
    text += fmt::format("{}{} from {}", text.empty() ? "" : ", ", bytesText(one.bytes),
                        one.source == "store" ? "what was here" : one.source);
  }
  if (!text.empty()) std::fprintf(stderr, "fetched %s\n", text.c_str());
  for (const auto& one : sources) {
    if (one.lied) std::fprintf(stderr, "%s\n", sources::liarText(one).c_str());
  }
}

}  // namespace webpool::cli
