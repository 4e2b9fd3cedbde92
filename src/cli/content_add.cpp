// `webpool content add` and `get`.
#include <fmt/format.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cstdio>
#include <filesystem>
#include <optional>

#include "base/file.h"
#include "cli/content_flags.h"
#include "cli/exit_code.h"
#include "store/import_plan.h"

namespace webpool::cli {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

store::ImportOptions importOptions(const ContentFlags& flags) {
  using Links = store::ImportOptions::Links;
  return {.links = flags.follow ? Links::Follow : Links::Keep,
          .hidden = flags.hidden,
          .hardLink = flags.link,
          .resume = true};
}

json::object importedJson(const std::string& path, const store::Imported& imported) {
  json::object object;
  putName(object, "path", path);
  object["cid"] = imported.root.text();
  object["bytes"] = imported.bytes;
  object["files"] = imported.files;
  return object;
}

void printImported(const std::string& path, const store::Imported& imported) {
  std::printf("%s  %s  %s\n", imported.root.text().c_str(), bytesText(imported.bytes).c_str(),
              shownName(path).c_str());
}

int planContent(const Context& context, const ContentFlags& flags) {
  LateProgress progress(context);
  json::array planned;
  for (const auto& path : flags.arguments) {
    const auto plan = store::planImport(path, progress.job("hash", path), importOptions(flags));
    progress.clear();
    if (!plan) return reportError(plan.error());
    auto object = importedJson(path, plan->imported);
    json::array entries;
    for (const auto& entry : plan->entries) {
      if (!flags.json) {
        const auto name = entry.path.empty() ? path : path + "/" + entry.path;
        std::printf("%s  %-6s  %10s  %s\n", entry.cid.text().c_str(),
                    std::string(store::kindName(entry.kind)).c_str(), bytesText(entry.size).c_str(),
                    shownName(name).c_str());
        continue;
      }
      json::object one;
      putName(one, "path", entry.path);
      one["kind"] = store::kindName(entry.kind);
      one["cid"] = entry.cid.text();
      one["bytes"] = entry.size;
      entries.push_back(std::move(one));
    }
    object["entries"] = std::move(entries);
    planned.push_back(std::move(object));
  }
  if (flags.json) {
    std::printf("%s\n", json::serialize(json::object{{"planned", std::move(planned)}}).c_str());
  }
  return 0;
}

/// To standard output, piece by piece; each is checked before it goes out.
/// `begun`: some of it went out.
Result<void> printFile(const store::ContentStore& store, const cid::Cid& cid,
                       const store::JobOptions& job, bool& begun) {
  if (std::fflush(stdout) != 0) return fail(ErrorCategory::Storage, "can't write standard output");
  return store.read(
      cid,
      [&begun](std::span<const std::byte> piece) {
        begun = true;
        return base::writeAll(STDOUT_FILENO, piece, "standard output");
      },
      job);
}

}  // namespace

int addContent(const Context& context, const ContentFlags& flags) {
  if (flags.dryRun) return planContent(context, flags);
  auto store = openContent(context);
  if (!store) return reportError(store.error());
  LateProgress progress(context);
  json::array added;
  int code = 0;
  for (const auto& path : flags.arguments) {
    const auto imported =
        (*store)->importPath(path, progress.job("import", path), importOptions(flags));
    progress.clear();
    if (!imported) {
      code = reportError(imported.error());
      break;
    }
    if (flags.json) {
      added.push_back(importedJson(path, *imported));
    } else {
      printImported(path, *imported);
    }
  }
  // What was added before an error is here, and is told.
  if (flags.json && (code == 0 || !added.empty())) {
    std::printf("%s\n", json::serialize(json::object{{"added", std::move(added)}}).c_str());
  }
  return code;
}

namespace {

/// What of a `get` is known before and after a fetch.
struct Got {
  cid::Cid cid;
  std::string target;
  std::optional<store::Imported> written;  ///< none: it went to standard output
};

/// `cid`: what the address leads to.
Result<Got> getHere(const Context& context, const ContentFlags& flags, store::ContentStore& store,
                    const ContentAddress& address, const Result<cid::Cid>& cid, bool& begun) {
  if (!cid) return std::unexpected(cid.error());
  LateProgress progress(context);
  if (flags.output == "-") {
    const auto printed =
        printFile(store, *cid, progress.job("write", flags.arguments.front()), begun);
    progress.clear();
    if (!printed) return std::unexpected(printed.error());
    return Got{*cid, "-", std::nullopt};
  }
  const auto target = flags.output.empty() ? defaultName(address, *cid) : flags.output;
  auto written = store.exportPath(*cid, target, progress.job("write", target));
  progress.clear();
  if (!written) return std::unexpected(written.error());
  return Got{*cid, target, *written};
}

/// `why`: what came of the try to have it anew.
Error stillDamaged(Error damage, const Error& why) {
  if (why.category == ErrorCategory::Cancelled) return why;
  damage.message += fmt::format("; and it could not be fetched anew: {}", why.message);
  if (!why.hint.empty()) damage.hint = why.hint;
  return damage;
}

}  // namespace

int getContent(const Context& context, const ContentFlags& flags) {
  auto store = openContent(context);
  if (!store) return reportError(store.error());
  const auto address = parseContentAddress(**store, flags.arguments.front());
  if (!address) return reportError(address.error());
  bool begun = false;
  std::optional<sources::Fetched> fetched;
  auto got = getHere(context, flags, **store, *address,
                     (*store)->resolveCid(address->root, address->path), begun);
  const bool isDamaged = !got && got.error().category == ErrorCategory::Integrity;
  const bool isGap = !got && got.error().category == ErrorCategory::NotFound;
  if ((isGap || isDamaged) && !begun && !flags.offline) {
    const auto hold = (*store)->beginHold();
    if (!hold) return reportError(hold.error());
    auto brought = fetchMissing(context, **store, *address, flags, **hold);
    if (!brought)
      return reportError(isDamaged ? stillDamaged(got.error(), brought.error()) : brought.error());
    fetched = std::move(*brought);
    got = getHere(context, flags, **store, *address, fetched->root, begun);
  }
  if (!got) return reportError(got.error());
  if (!got->written) return 0;
  if (flags.json) {
    auto object = importedJson(got->target, *got->written);
    if (fetched) object = withSources(std::move(object), *fetched);
    std::printf("%s\n", json::serialize(object).c_str());
  } else {
    printImported(got->target, *got->written);
  }
  return 0;
}

}  // namespace webpool::cli
