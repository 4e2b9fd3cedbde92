#include "browsers/browser.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <span>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/file.h"
#include "base/random.h"
#include "browsers/browser_kind.h"
#include "browsers/program_output.h"
#include "browsers/spawn.h"
#include "browsers/virtual_display.h"
#include "browsers/wrapper.h"

namespace webpool::browsers {
namespace {

namespace fs = std::filesystem;

/// Names a program's file as it is now, and what it was asked as, for the version cache: what is a
/// Chromium is no Firefox.
std::string fileKey(std::string_view kind, const fs::path& program) {
  struct stat status{};
  if (::stat(program.c_str(), &status) != 0) return {};
  return fmt::format("{}:{}:{}.{}:{}", kind, status.st_size, status.st_mtim.tv_sec,
                     status.st_mtim.tv_nsec, program.native());
}

/// "156.0.8078.79" of "Chromium 156.0.8078.79 built on …"; empty when no line of the text starts
/// with one of the titles.
std::string parseVersion(const BrowserKind& kind, std::string_view text) {
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    for (const auto title : kind.titles) {
      if (!line.starts_with(title)) continue;
      const auto start = line.find_first_of("0123456789", title.size());
      if (start == std::string_view::npos) continue;
      const auto end = std::min(line.find_first_not_of("0123456789.", start), line.size());
      return std::string(line.substr(start, end - start));
    }
  }
  return {};
}

/// -1, 0 or 1 as `left` is older than, the same as or newer than `right`; both as "2.40.1".
int compareVersions(std::string_view left, std::string_view right) {
  const auto next = [](std::string_view& rest) {
    unsigned long number = 0;
    const auto end = std::min(rest.find('.'), rest.size());
    std::from_chars(rest.data(), rest.data() + end, number);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return number;
  };
  while (!left.empty() || !right.empty()) {
    const auto a = next(left);
    const auto b = next(right);
    if (a != b) return a < b ? -1 : 1;
  }
  return 0;
}

/// The cookie of a display, for a file that is gone with this object.
class AuthorityFile {
 public:
  AuthorityFile() : file_(::memfd_create("xauthority", MFD_CLOEXEC)) {
    constexpr std::size_t kSecretBytes = 16;
    const auto text =
        VirtualDisplay::authorityText(base::randomHex(base::systemRandom(), kSecretBytes));
    (void)base::writeAll(file_.get(), std::as_bytes(std::span(text)), path());
  }
  fs::path path() const { return fmt::format("/proc/{}/fd/{}", ::getpid(), file_.get()); }

 private:
  base::FileDescriptor file_;
};

/// What a program that needs the user's display is told of it.
std::vector<std::string> userDisplay(const Environment& environment) {
  std::vector<std::string> variables;
  for (const auto* name : {"DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "XDG_RUNTIME_DIR"}) {
    if (auto value = environment.variable(name); !value.empty()) {
      variables.push_back(fmt::format("{}={}", name, value));
    }
  }
  return variables;
}

}  // namespace

BrowserFinder::BrowserFinder(Environment environment, fs::path versionCache)
    : environment_(std::move(environment)), versionCache_(std::move(versionCache)) {
  loadVersions();
}

std::vector<std::string> BrowserFinder::knownNames() {
  std::vector<std::string> names;
  for (const auto* kind : browserKinds()) names.emplace_back(kind->name);
  return names;
}

Error BrowserFinder::unknownName(std::string_view name) {
  if (name == "safari") {
    return {ErrorCategory::InvalidArgument, "Safari runs on Apple's systems only",
            "let it join: webpool serve --join prints a link, --webdriver URL opens it by "
            "safaridriver; its relative here is webkit"};
  }
  return {ErrorCategory::InvalidArgument,
          fmt::format("\"{}\" is no browser that webpool knows", name),
          fmt::format("it knows: auto, {}", fmt::join(knownNames(), ", "))};
}

Result<void> BrowserFinder::overridePath(std::string_view name, fs::path path) {
  if (browserKind(name) == nullptr) return std::unexpected(unknownName(name));
  const std::lock_guard lock(mutex_);
  overrides_.insert_or_assign(std::string(name), std::move(path));
  return {};
}

Result<Browser> BrowserFinder::find(std::string_view name) {
  if (name.empty() || name == "auto") {
    for (const auto* kind : browserKinds()) {
      auto browser = findKind(*kind);
      // A path that a person gave is never replaced by another browser.
      if (browser || isGiven(kind->name)) return browser;
    }
    return findKind(*browserKinds().front());
  }
  const auto* kind = browserKind(name);
  if (kind == nullptr) return std::unexpected(unknownName(name));
  return findKind(*kind);
}

bool BrowserFinder::isGiven(std::string_view name) {
  const auto* kind = browserKind(name);
  const std::lock_guard lock(mutex_);
  return kind != nullptr && given(*kind).has_value();
}

std::optional<Browser> BrowserFinder::guess(std::string_view name) {
  const std::lock_guard lock(mutex_);
  for (const auto* kind : browserKinds()) {
    const bool meant = name.empty() || name == "auto" || name == kind->name;
    if (!meant) continue;
    if (given(*kind)) return std::nullopt;
    for (const auto& path : candidates(*kind)) {
      const auto program = resolveProgram(environment_, path, kind->realNames);
      if (!program) continue;
      const auto known = versions_.find(fileKey(kind->name, *program));
      return Browser{std::string(kind->engine), std::string(kind->name), *program,
                     known != versions_.end() ? known->second : ""};
    }
  }
  return std::nullopt;
}

std::vector<std::string> BrowserFinder::families() {
  std::vector<std::string> names;
  std::vector<std::string_view> engines;
  for (const auto* kind : browserKinds()) {
    if (std::ranges::find(engines, kind->engine) != engines.end()) continue;
    if (!isGiven(kind->name) && !guess(kind->name)) continue;
    engines.push_back(kind->engine);
    names.emplace_back(kind->name);
  }
  return names;
}

Result<Browser> BrowserFinder::findKind(const BrowserKind& kind) {
  const std::lock_guard lock(mutex_);
  if (const auto path = given(kind)) return inspect(kind, *path);
  Error reason{ErrorCategory::BrowserNotFound, fmt::format("no {} is installed", kind.name),
               std::string(kind.installHint)};
  for (const auto& path : candidates(kind)) {
    auto browser = inspect(kind, path);
    if (browser) return browser;
    reason = std::move(browser.error());
    reason.message = fmt::format("no usable {} is installed: {}", kind.name, reason.message);
  }
  return std::unexpected(reason);
}

std::optional<fs::path> BrowserFinder::given(const BrowserKind& kind) const {
  if (const auto path = overrides_.find(kind.name); path != overrides_.end()) return path->second;
  if (auto path = environment_.variable(pathVariable(kind)); !path.empty()) return path;
  return std::nullopt;
}

std::vector<fs::path> BrowserFinder::candidates(const BrowserKind& kind) const {
  std::vector<fs::path> found;
  const auto add = [&found](const fs::path& path) {
    std::error_code error;
    if (fs::is_regular_file(path, error)) found.push_back(path);
  };
  const auto search = environment_.variable("PATH");
  for (const auto command : kind.commands) {
    for (std::string_view rest = search; !rest.empty();) {
      const auto end = std::min(rest.find(':'), rest.size());
      const auto folder = rest.substr(0, end);
      if (folder.starts_with('/')) add(environment_.at(fs::path(folder)) / command);
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  for (const auto place : kind.places) add(environment_.at(fs::path(place)));
  return found;
}

Result<Browser> BrowserFinder::inspect(const BrowserKind& kind, const fs::path& path) {
  const auto program = resolveProgram(environment_, path, kind.realNames);
  if (!program) {
    return fail(ErrorCategory::BrowserNotFound,
                fmt::format("{} is no executable file", path.native()),
                std::string(kind.installHint));
  }
  auto found = version(kind, *program);
  if (!found) return std::unexpected(found.error());
  if (compareVersions(*found, kind.minimumVersion) < 0) {
    return fail(ErrorCategory::Unsupported,
                fmt::format("{} is {} {}, and webpool needs {} or newer, {}", program->native(),
                            kind.name, *found, kind.minimumVersion, kind.minimumReason),
                fmt::format("update it, or name another with --browser-path {}=PATH", kind.name));
  }
  return Browser{std::string(kind.engine), std::string(kind.name), *program, std::move(*found)};
}

Result<std::string> BrowserFinder::askVersion(const BrowserKind& kind, const fs::path& program) {
  constexpr std::chrono::seconds kLimit{10};
  if (!kind.needsDisplay) return programOutput(program, {"--version"}, kLimit);
  const AuthorityFile authority;
  const auto display = VirtualDisplay::start(
      environment_, {.folder = "/", .authority = authority.path(), .variables = {}}, spawnHere);
  const auto ofUser = userDisplay(environment_);
  if (!display && ofUser.empty()) {
    return fail(ErrorCategory::BrowserNotFound, display.error().message, display.error().hint);
  }
  auto variables = display ? display->variables() : ofUser;
  variables.emplace_back("MESA_SHADER_CACHE_DISABLE=true");
  return programOutput(program, {"--version"}, kLimit, std::move(variables));
}

Result<std::string> BrowserFinder::version(const BrowserKind& kind, const fs::path& program) {
  const auto key = fileKey(kind.name, program);
  if (const auto known = versions_.find(key); known != versions_.end()) return known->second;
  const auto output = askVersion(kind, program);
  auto parsed = output ? parseVersion(kind, *output) : std::string();
  if (!output && output.error().category == ErrorCategory::BrowserNotFound) return output;
  if (parsed.empty()) {
    constexpr std::size_t kShown = 80;
    const auto cause = output ? fmt::format("its --version says \"{}\"",
                                            output->substr(0, std::min(output->find('\n'), kShown)))
                              : output.error().message;
    return fail(ErrorCategory::BrowserNotFound,
                fmt::format("{} is no {}: {}", program.native(), kind.name, cause),
                std::string(kind.installHint));
  }
  versions_.insert_or_assign(key, parsed);
  if (!versionCache_.empty()) {
    std::string text;
    for (const auto& [file, number] : versions_) text += fmt::format("{}\t{}\n", number, file);
    // Only a cache: without it the next run asks again.
    if (base::makeFolders(versionCache_.parent_path())) {
      (void)base::writeFileAtomically(versionCache_, text, 0600);
    }
  }
  return parsed;
}

void BrowserFinder::loadVersions() {
  constexpr std::uint64_t kLimit = 1 << 16;
  if (versionCache_.empty()) return;
  const auto text = base::readFile(versionCache_, kLimit);
  if (!text) return;
  for (std::string_view rest = *text; !rest.empty();) {
    const auto end = std::min(rest.find('\n'), rest.size());
    const auto line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const auto tab = line.find('\t');
    if (tab == std::string_view::npos) continue;
    const std::string key(line.substr(tab + 1));
    // An entry of a file that was changed or removed goes.
    const fs::path program(key.substr(std::min(key.find('/'), key.size())));
    if (fileKey(key.substr(0, key.find(':')), program) == key)
      versions_.emplace(key, line.substr(0, tab));
  }
}

}  // namespace webpool::browsers
