// `webpool content ls` and `stat`.
#include <fmt/format.h>

#include <boost/json.hpp>
#include <cstdio>

#include "cli/content_flags.h"
#include "cli/exit_code.h"
#include "store/tree_limits.h"

namespace webpool::cli {
namespace {

namespace json = boost::json;

/// An entry and its path below what was asked for.
struct Listed {
  std::string path;
  store::ContentEntry entry;
};

Result<void> listInto(const store::ContentStore& store, const cid::Cid& cid,
                      const std::string& path, unsigned depth, const std::stop_token& stop,
                      std::vector<Listed>& out) {
  if (stop.stop_requested()) return fail(ErrorCategory::Cancelled, "cancelled");
  auto entries = store.list(cid);
  if (!entries) return std::unexpected(entries.error());
  for (auto& entry : *entries) {
    auto below = path.empty() ? entry.name : path + "/" + entry.name;
    const bool descend = depth > 0 && entry.here && entry.kind == store::ContentKind::Folder;
    const auto folder = entry.cid;
    out.push_back({below, std::move(entry)});
    if (!descend) continue;
    if (auto done = listInto(store, folder, below, depth - 1, stop, out); !done) return done;
  }
  return {};
}

json::object entryJson(const Listed& listed) {
  const auto& entry = listed.entry;
  json::object object;
  putName(object, "path", listed.path);
  object["kind"] = store::kindName(entry.kind);
  object["cid"] = entry.cid.text();
  object["bytes"] = entry.size;
  object["here"] = entry.here;
  if (entry.kind == store::ContentKind::Link) putName(object, "target", entry.target);
  return object;
}

std::vector<std::string> entryRow(const Listed& listed) {
  const auto& entry = listed.entry;
  auto name = shownName(listed.path);
  if (entry.kind == store::ContentKind::Folder) name += "/";
  if (entry.kind == store::ContentKind::Link) name += " -> " + shownName(entry.target);
  if (!entry.here) name += "  (not here)";
  return {entry.cid.text(), std::string(store::kindName(entry.kind)), bytesText(entry.size),
          std::move(name)};
}

std::string pinText(const store::Pin& pin) {
  return fmt::format("{} {}{}{}", pin.kind, shownName(pin.name), pin.variant.empty() ? "" : " ",
                     pin.variant);
}

json::array pinsJson(const std::vector<store::Pin>& pins) {
  json::array array;
  for (const auto& pin : pins) {
    json::object object{{"kind", pin.kind}};
    putName(object, "name", pin.name);
    object["variant"] = pin.variant;
    object["cid"] = pin.cid.text();
    object["added"] = pin.addedUnixSeconds;
    array.push_back(std::move(object));
  }
  return array;
}

void printDescription(const store::ContentDescription& about, const std::vector<store::Pin>& pins) {
  std::printf("cid     %s\nkind    %s\n", about.cid.text().c_str(),
              std::string(store::kindName(about.kind)).c_str());
  std::printf("size    %s (%llu bytes)\n", bytesText(about.bytes).c_str(),
              static_cast<unsigned long long>(about.bytes));
  std::printf("blocks  %s\n", bytesText(about.dagSize).c_str());
  if (about.kind == store::ContentKind::Folder) {
    std::printf("files   %llu\n", static_cast<unsigned long long>(about.files));
  }
  if (about.sha256) std::printf("sha256  %s\n", cid::hexText(*about.sha256).c_str());
  if (about.kind == store::ContentKind::Link) {
    std::printf("target  %s\n", shownName(about.target).c_str());
  }
  if (about.linked) std::printf("kept    as a link to a file outside the store\n");
  for (const auto& pin : pins) std::printf("pinned  %s\n", pinText(pin).c_str());
}

}  // namespace

int listContent(const Context& context, const ContentFlags& flags) {
  if (flags.arguments.empty()) return listPins(context, flags);
  auto store = openContent(context);
  if (!store) return reportError(store.error());
  const auto cid = findContent(**store, flags.arguments.front());
  if (!cid) return reportError(cid.error());
  if (flags.recursive) {
    const auto ends = (*store)->checkWalkable(*cid, context.stop);
    if (!ends) return reportError(ends.error());
  }
  std::vector<Listed> listed;
  const auto done =
      listInto(**store, *cid, "", flags.recursive ? store::kMostLevels : 0, context.stop, listed);
  if (!done) return reportError(done.error());
  if (flags.json) {
    json::array entries;
    for (const auto& one : listed) entries.push_back(entryJson(one));
    std::printf("%s\n",
                json::serialize(json::object{{"cid", cid->text()}, {"entries", std::move(entries)}})
                    .c_str());
    return 0;
  }
  std::vector<std::vector<std::string>> rows;
  for (const auto& one : listed) rows.push_back(entryRow(one));
  std::printf("%s", tableText(rows).c_str());
  return 0;
}

int listPins(const Context& context, const ContentFlags& flags) {
  auto store = openContent(context);
  if (!store) return reportError(store.error());
  const auto pins = (*store)->pins();
  if (!pins) return reportError(pins.error());
  if (flags.json) {
    std::printf("%s\n", json::serialize(json::object{{"pins", pinsJson(*pins)}}).c_str());
    return 0;
  }
  std::vector<std::vector<std::string>> rows{{"CID", "KIND", "NAME"}};
  for (const auto& pin : *pins) {
    rows.push_back({pin.cid.text(), pin.kind,
                    shownName(pin.name) + (pin.variant.empty() ? "" : " " + pin.variant)});
  }
  std::printf("%s", tableText(rows).c_str());
  return 0;
}

int statContent(const Context& context, const ContentFlags& flags) {
  auto store = openContent(context);
  if (!store) return reportError(store.error());
  const auto cid = findContent(**store, flags.arguments.front());
  if (!cid) return reportError(cid.error());
  const auto about = (*store)->describe(*cid, context.stop);
  if (!about) return reportError(about.error());
  const auto all = (*store)->pins();
  if (!all) return reportError(all.error());
  std::vector<store::Pin> pins;
  for (const auto& pin : *all) {
    if (pin.cid == cid->normalized()) pins.push_back(pin);
  }
  if (!flags.json) {
    printDescription(*about, pins);
    return 0;
  }
  json::object object{
      {"cid", about->cid.text()},
      {"kind", store::kindName(about->kind)},
      {"bytes", about->bytes},
      {"files", about->files},
      {"dag_bytes", about->dagSize},
      {"sha256", about->sha256 ? json::value(cid::hexText(*about->sha256)) : json::value(nullptr)},
      {"linked", about->linked},
      {"pins", pinsJson(pins)}};
  if (about->kind == store::ContentKind::Link) putName(object, "target", about->target);
  std::printf("%s\n", json::serialize(object).c_str());
  return 0;
}

}  // namespace webpool::cli
