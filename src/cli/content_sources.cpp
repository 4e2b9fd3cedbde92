#include "cli/content_sources.h"

#include <fmt/format.h>

#include <cstdio>

#include "cli/settings_flags.h"
#include "cli/terminal.h"

namespace webpool::cli {

Result<sources::ContentSettings> contentSettings(const Context& context,
                                                 const std::vector<std::string>& gateways) {
  const auto given = givenSettings(context);
  if (!given) return std::unexpected(given.error());
  const auto list = [&](std::string_view name) {
    const auto found = given->find(name);
    return found == given->end() ? std::vector<std::string>() : found->second.texts;
  };
  sources::ContentSettings settings{.gateways = gateways.empty() ? list("gateway") : gateways,
                                    .nodes = list("peer"),
                                    .routers = list("router")};
  if (const auto kubo = list("kubo"); !kubo.empty()) settings.kubo = kubo.front();
  return settings;
}

Result<std::unique_ptr<sources::ContentFetch>> beginFetch(
    const Context& context, store::ContentStore& store, const std::vector<std::string>& gateways) {
  auto settings = contentSettings(context, gateways);
  if (!settings) return std::unexpected(settings.error());
  return sources::ContentFetch::begin(
      store, *context.http, {.settings = std::move(*settings), .data = context.paths.data});
}

store::Pin fetchPin(const cid::Cid& root) {
  return {"fetch", root.normalized().text(), "", root, 0, ""};
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
    if (one.lied) {
      std::fprintf(stderr, "%s sent wrong bytes and was asked nothing more: %s\n",
                   one.source.c_str(), one.error.c_str());
    }
  }
}

}  // namespace webpool::cli
