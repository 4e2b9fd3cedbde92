// `webpool content fetch`, and what `get` does for content that is not here.
#include <fmt/format.h>

#include <boost/json.hpp>
#include <cstdio>
#include <functional>

#include "cli/content_flags.h"
#include "cli/content_sources.h"
#include "cli/exit_code.h"

namespace webpool::cli {
namespace {

namespace json = boost::json;

json::object sourcesObject(const std::vector<sources::BytesOf>& sources) {
  json::object object;
  for (const auto& one : sources) {
    if (one.bytes > 0) object[one.source] = one.bytes;
  }
  return object;
}

using PinOf = std::function<store::Pin(const cid::Cid&)>;

/// Brings it, and pins it.
Result<sources::Fetched> bring(const Context& context, store::ContentStore& store,
                               const ContentAddress& address, const ContentFlags& flags,
                               const PinOf& pinOf) {
  auto fetch = beginFetch(context, store, flags.sources);
  if (!fetch) return std::unexpected(fetch.error());
  const auto cid = (*fetch)->resolve(address.root, address.path, context.stop);
  if (!cid) return std::unexpected(cid.error());
  LateProgress progress(context);
  auto fetched = (*fetch)->fetch(*cid, pinOf(*cid), progress.job("fetch", flags.arguments.front()));
  progress.clear();
  reportSources(context, (*fetch)->sources());
  return fetched;
}

}  // namespace

Result<sources::Fetched> fetchMissing(const Context& context, store::ContentStore& store,
                                      const ContentAddress& address, const ContentFlags& flags,
                                      store::Hold& hold) {
  return bring(context, store, address, flags,
               [&](const cid::Cid& root) { return hold.pin(root); });
}

json::object withSources(json::object object, const sources::Fetched& fetched) {
  object["sources"] = sourcesObject(fetched.sources);
  object["lied"] = liarsArray(fetched.sources);
  return object;
}

int fetchContent(const Context& context, const ContentFlags& flags) {
  auto store = openContent(context);
  if (!store) return reportError(store.error());
  const auto address = parseContentAddress(**store, flags.arguments.front());
  if (!address) return reportError(address.error());
  const auto pinOf = [&](const cid::Cid& root) {
    return store::Pin{.kind = "pin",
                      .name = flags.name.empty() ? root.normalized().text() : flags.name,
                      .variant = "",
                      .cid = root};
  };
  const auto fetched = bring(context, **store, *address, flags, pinOf);
  if (!fetched) return reportError(fetched.error());
  const auto about = (*store)->describe(fetched->root, context.stop);
  if (!about) return reportError(about.error());
  if (flags.json) {
    const json::object object{
        {"cid", fetched->root.text()}, {"bytes", about->bytes}, {"files", about->files}};
    std::printf("%s\n", json::serialize(withSources(object, *fetched)).c_str());
  } else {
    std::printf("%s  %s\n", fetched->root.text().c_str(), bytesText(about->bytes).c_str());
  }
  return 0;
}

}  // namespace webpool::cli
