// `webpool content verify`, `gc` and `pin`.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cstdio>
#include <filesystem>

#include "cli/content_flags.h"
#include "cli/exit_code.h"
#include "cli/report.h"

namespace webpool::cli {
namespace {

namespace json = boost::json;

/// All that is here, pinned or not.
int verifyAll(const Context& context, const ContentFlags& flags, store::ContentStore& store) {
  LateProgress progress(context);
  json::array damaged;
  int code = 0;
  const store::ScrubOptions how{.bytesPerSecond = 0,
                                .onDamage = [&](const cid::Cid& cid, const Error& error) {
                                  progress.clear();
                                  code = reportError(error);
                                  auto object = toJson(error);
                                  object["cid"] = cid.text();
                                  damaged.push_back(std::move(object));
                                }};
  const auto report = store.scrub(how, progress.job("verify", ""));
  progress.clear();
  if (!report) return reportError(report.error());
  if (flags.json) {
    std::printf("%s\n", json::serialize(json::object{{"checked", report->checked},
                                                     {"bytes", report->bytes},
                                                     {"damaged", std::move(damaged)}})
                            .c_str());
  } else {
    std::printf("%llu files and blocks, %s: %s\n", static_cast<unsigned long long>(report->checked),
                bytesText(report->bytes).c_str(),
                damaged.empty() ? "all right" : fmt::format("{} damaged", damaged.size()).c_str());
  }
  return code;
}

bool isModel(const store::Pin& pin) {
  return pin.kind == "model";
}

/// The pins that a person means by a name, a path or a CID.
Result<std::vector<store::Pin>> meantPins(const store::ContentStore& store,
                                          const std::string& text) {
  auto pins = store.pins();
  if (!pins) return pins;
  std::error_code none;
  const auto path = std::filesystem::weakly_canonical(std::filesystem::absolute(text, none), none);
  const auto cid = findContent(store, text);
  std::erase_if(*pins, [&](const store::Pin& pin) {
    if (cid && pin.cid == cid->normalized()) return false;
    return pin.name != text && (pin.kind != "import" || pin.name != path.native());
  });
  return pins;
}

}  // namespace

int verifyContent(const Context& context, const ContentFlags& flags) {
  auto store = openContent(context);
  if (!store) return reportError(store.error());
  if (flags.arguments.empty()) return verifyAll(context, flags, **store);
  LateProgress progress(context);
  json::array verified;
  int code = 0;
  for (const auto& text : flags.arguments) {
    const auto cid = findContent(**store, text);
    if (!cid) return reportError(cid.error());
    const auto right = (*store)->verify(*cid, progress.job("verify", text));
    progress.clear();
    json::object object{{"cid", cid->text()}, {"ok", right.has_value()}};
    if (!right) {
      code = reportError(right.error());
      if (right.error().category == ErrorCategory::Cancelled) return code;
      object["error"] = toJson(right.error());
    } else if (!flags.json) {
      std::printf("%s  all right\n", cid->text().c_str());
    }
    verified.push_back(std::move(object));
  }
  if (flags.json) {
    std::printf("%s\n", json::serialize(json::object{{"verified", std::move(verified)}}).c_str());
  }
  return code;
}

int collectContent(const Context& context, const ContentFlags& flags) {
  auto store = openContent(context);
  if (!store) return reportError(store.error());
  const auto unfinished =
      flags.unfinished ? (*store)->dropUnfinished(flags.dryRun) : Result<std::uint64_t>(0);
  if (!unfinished) return reportError(unfinished.error());
  LateProgress progress(context);
  auto collected = (*store)->collect(flags.dryRun, progress.job("gc", ""));
  progress.clear();
  if (!collected) return reportError(collected.error());
  collected->bytes += *unfinished;
  if (flags.json) {
    std::printf("%s\n",
                json::serialize(json::object{{"dry_run", flags.dryRun},
                                             {"bytes", collected->bytes},
                                             {"files", collected->files},
                                             {"blocks", collected->nodes + collected->blocks}})
                    .c_str());
    return 0;
  }
  std::printf("%s %s: %llu files, %llu blocks\n", flags.dryRun ? "would free" : "freed",
              bytesText(collected->bytes).c_str(),
              static_cast<unsigned long long>(collected->files),
              static_cast<unsigned long long>(collected->nodes + collected->blocks));
  return 0;
}

int pinContent(const Context& context, const ContentFlags& flags) {
  auto store = openContent(context);
  if (!store) return reportError(store.error());
  const auto cid = findContent(**store, flags.arguments.front());
  if (!cid) return reportError(cid.error());
  const auto name = flags.name.empty() ? cid->normalized().text() : flags.name;
  const auto pinned = (*store)->addPin({"pin", name, "", *cid, 0, ""});
  if (!pinned) return reportError(pinned.error());
  if (flags.json) {
    json::object object;
    putName(object, "name", name);
    object["cid"] = cid->text();
    std::printf("%s\n", json::serialize(object).c_str());
  } else {
    std::printf("pinned %s  %s\n", cid->text().c_str(), shownName(name).c_str());
  }
  return 0;
}

int unpinContent(const Context& context, const ContentFlags& flags) {
  auto store = openContent(context);
  if (!store) return reportError(store.error());
  const auto& text = flags.arguments.front();
  auto pins = meantPins(**store, text);
  if (!pins) return reportError(pins.error());
  if (!pins->empty() && std::ranges::all_of(*pins, isModel)) {
    return reportError(
        {ErrorCategory::InvalidArgument,
         fmt::format("{} is kept by the model \"{}\"", shownName(text), pins->front().name),
         fmt::format("webpool models rm {}", pins->front().name)});
  }
  std::erase_if(*pins, isModel);
  if (pins->empty()) {
    return reportError({ErrorCategory::NotFound,
                        fmt::format("nothing is pinned as '{}'", shownName(text)),
                        "webpool content pin ls shows what is"});
  }
  json::array removed;
  for (const auto& pin : *pins) {
    if (auto done = (*store)->unpin(pin); !done) return reportError(done.error());
    json::object object{{"kind", pin.kind}};
    putName(object, "name", pin.name);
    object["cid"] = pin.cid.text();
    removed.push_back(std::move(object));
    if (!flags.json) {
      std::printf("unpinned %s  %s\n", pin.cid.text().c_str(), shownName(pin.name).c_str());
    }
  }
  if (flags.json) {
    std::printf("%s\n", json::serialize(json::object{{"removed", std::move(removed)}}).c_str());
  } else if (!context.quiet) {
    std::fprintf(stderr, "webpool content gc frees what nothing else keeps\n");
  }
  return 0;
}

}  // namespace webpool::cli
