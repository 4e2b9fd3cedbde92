#include "browsers/browser_process.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <span>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "base/file.h"
#include "browsers/browser_environment.h"
#include "browsers/browser_kind.h"
#include "browsers/process_end.h"

namespace webpool::browsers {
namespace {

constexpr std::chrono::milliseconds kKillLimit{5000};

void emptyFolder(const std::filesystem::path& folder) {
  std::error_code error;
  for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    std::error_code ignored;
    std::filesystem::remove_all(it->path(), ignored);
  }
}

Result<void> checkOptions(const LaunchOptions& options) {
  if (options.headless || !options.environment.variable("WAYLAND_DISPLAY").empty()) return {};
  const auto display = options.environment.variable("DISPLAY");
  if (display.empty()) {
    return fail(ErrorCategory::InvalidArgument,
                "a browser with a window needs a display, and neither DISPLAY nor WAYLAND_DISPLAY "
                "is set",
                "start it headless");
  }
  if (!displayAnswers(display)) {
    return fail(ErrorCategory::InvalidArgument,
                fmt::format("the display {} does not answer", display),
                "start it headless, or set DISPLAY to one that runs");
  }
  return {};
}

/// Folders present, temporary ones empty, nothing that a browser killed earlier left in the way.
Result<void> prepareFolder(const BrowserFolder& folder, const BrowserKind& kind) {
  for (const auto& path : {folder.profile(), folder.home(), folder.runtime(), folder.temporary()}) {
    if (auto made = base::makeFolders(path); !made) return made;
    if (::access(path.c_str(), W_OK | X_OK) != 0) {
      return std::unexpected(base::fileError("can't write to", path, errno));
    }
  }
  emptyFolder(folder.temporary());
  emptyFolder(folder.runtime());
  for (const auto name : kind.staleFiles) ::unlink((folder.profile() / name).c_str());
  return {};
}

Result<void> writeFile(const std::filesystem::path& path, std::string_view text) {
  const auto file = base::openFile(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (!file) return std::unexpected(file.error());
  return base::writeAll(file->get(), std::as_bytes(std::span(text)), path);
}

Result<void> writeProfile(const LaunchOptions& options, const BrowserKind& kind) {
  if (kind.profileFiles == nullptr) return {};
  for (const auto& file : kind.profileFiles(options)) {
    if (auto wrote = writeFile(options.folder.profile() / file.name, file.text); !wrote) {
      return wrote;
    }
  }
  return {};
}

/// None where it needs none of its own.
Result<std::optional<VirtualDisplay>> makeDisplay(Launcher& launcher,
                                                  const base::RandomSource& random,
                                                  const LaunchOptions& options,
                                                  const BrowserKind& kind,
                                                  const std::string& marker) {
  constexpr std::size_t kSecretBytes = 16;
  if (!kind.needsDisplay || !options.headless) return std::nullopt;
  const auto authority = options.folder.runtime() / "xauthority";
  const auto text = VirtualDisplay::authorityText(base::randomHex(random, kSecretBytes));
  if (auto wrote = writeFile(authority, text); !wrote) return std::unexpected(wrote.error());
  auto display = VirtualDisplay::start(options.environment,
                                       {.folder = options.folder.root,
                                        .authority = authority,
                                        .variables = {markerVariable(marker)}},
                                       [&](const SpawnPlan& plan) { return launcher.spawn(plan); });
  if (!display) return std::unexpected(display.error());
  return std::move(*display);
}

}  // namespace

Result<BrowserProcess> BrowserProcess::launch(Launcher& launcher, const base::RandomSource& random,
                                              const LaunchOptions& options) {
  constexpr std::size_t kMarkerBytes = 16;
  const auto* kind = browserKind(options.browser.name);
  if (kind == nullptr) {
    return fail(ErrorCategory::InvalidArgument,
                fmt::format("\"{}\" is no browser that webpool knows", options.browser.name));
  }
  if (auto checked = checkOptions(options); !checked) return std::unexpected(checked.error());
  if (auto ready = prepareFolder(options.folder, *kind); !ready) {
    return std::unexpected(ready.error());
  }
  if (auto wrote = writeProfile(options, *kind); !wrote) return std::unexpected(wrote.error());
  const auto self = readProcess(::getpid());
  BrowserRecord record{
      .name = options.browser.name,
      .marker = base::randomHex(random, kMarkerBytes),
      .profileArgument = std::string(kind->profileFlag) + options.folder.profile().native(),
      .owner = ::getpid(),
      .ownerStartTime = self ? self->startTime : 0};
  // Written before the start too: whenever webpool is killed, the next one finds the marker.
  if (auto wrote = writeRecord(options.folder, record); !wrote) {
    return std::unexpected(wrote.error());
  }
  const auto log =
      base::openFile(options.folder.log(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
  if (!log) return std::unexpected(log.error());
  auto display = makeDisplay(launcher, random, options, *kind, record.marker);
  if (!display) {
    removeRecord(options.folder);
    return std::unexpected(display.error());
  }
  auto own = kind->environment == nullptr ? std::vector<std::string>() : kind->environment(options);
  if (*display) {
    for (auto& variable : (*display)->variables()) own.push_back(std::move(variable));
  }
  auto child =
      launcher.spawn({.program = options.browser.path,
                      .arguments = kind->arguments(options),
                      .environment = browserEnvironment(options, record.marker, std::move(own)),
                      .folder = options.folder.root,
                      .output = log->get()});
  if (!child) {
    removeRecord(options.folder);
    return std::unexpected(child.error());
  }
  record.pid = child->pid();
  record.startTime = child->startTime();
  BrowserProcess process(std::move(*child), std::move(*display), options.folder, record);
  if (auto wrote = writeRecord(options.folder, record); !wrote) {
    return std::unexpected(wrote.error());
  }
  return process;
}

BrowserProcess::BrowserProcess(ChildProcess child, std::optional<VirtualDisplay> display,
                               BrowserFolder folder, BrowserRecord record)
    : child_(std::move(child)),
      display_(std::move(display)),
      folder_(std::move(folder)),
      record_(std::move(record)) {}

BrowserProcess::BrowserProcess(BrowserProcess&& other) noexcept
    : child_(std::move(other.child_)),
      display_(std::move(other.display_)),
      folder_(std::move(other.folder_)),
      record_(std::move(other.record_)),
      stopped_(std::exchange(other.stopped_, true)) {}

BrowserProcess& BrowserProcess::operator=(BrowserProcess&& other) noexcept {
  if (this != &other) {
    (void)stop();
    child_ = std::move(other.child_);
    display_ = std::move(other.display_);
    folder_ = std::move(other.folder_);
    record_ = std::move(other.record_);
    stopped_ = std::exchange(other.stopped_, true);
  }
  return *this;
}

BrowserProcess::~BrowserProcess() {
  // A process that can't be ended stays in browser.json for the next sweep.
  (void)stop();
}

BrowserIdentity BrowserProcess::identity() const {
  auto identity = identityOf(record_);
  identity.pidIsHeld = true;
  return identity;
}

Result<MemoryUse> BrowserProcess::memory() const {
  if (stopped_) return fail(ErrorCategory::NotFound, "the browser was stopped");
  return memoryOf(identity());
}

void BrowserProcess::requestStop() noexcept {
  if (!stopped_) child_.signal(SIGTERM);
}

Result<void> BrowserProcess::stop(std::chrono::milliseconds grace) {
  if (stopped_) return {};
  stopped_ = true;
  child_.signal(SIGTERM);
  child_.waitFor(grace);
  if (display_) display_->stop();
  // Not reaped yet, so that its session's number is surely its own while the rest is ended.
  const auto ended = endProcesses(identity(), kKillLimit);
  child_.reap();
  if (!ended) return std::unexpected(ended.error());
  emptyFolder(folder_.temporary());
  emptyFolder(folder_.runtime());
  removeRecord(folder_);
  return {};
}

std::string BrowserProcess::logTail(std::size_t bytes) const {
  constexpr std::uint64_t kWindow = 1 << 16;
  const auto file = base::openFile(folder_.log(), O_RDONLY);
  if (!file) return {};
  const auto size = ::lseek(file->get(), 0, SEEK_END);
  const auto from = std::max<off_t>(0, size - static_cast<off_t>(kWindow));
  std::string text(static_cast<std::size_t>(std::max<off_t>(0, size - from)), '\0');
  const auto got = ::pread(file->get(), text.data(), text.size(), from);
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(0, got)));

  const auto* kind = browserKind(record_.name);
  const auto isNoise = [kind](std::string_view line) {
    return kind != nullptr && std::ranges::any_of(kind->logNoise, [&](std::string_view noise) {
             return line.contains(noise);
           });
  };
  std::string tail;
  for (std::size_t start = 0; start < text.size();) {
    const auto end = std::min(text.find('\n', start), text.size());
    const auto line = std::string_view(text).substr(start, end - start);
    if (!line.empty() && !isNoise(line)) tail.append(line).append("\n");
    start = end + 1;
  }
  if (tail.size() > bytes) {
    tail.erase(0, tail.size() - bytes);
    tail.erase(0, tail.find('\n') + 1);
  }
  return tail;
}

Error BrowserProcess::failure() {
  const auto status = child_.exitStatus();
  auto message = fmt::format("{} {}", record_.name, status ? status->text() : "still runs");
  const auto tail = logTail();
  message += tail.empty() ? "; it wrote nothing" : "; it wrote:\n" + tail;
  if (message.ends_with('\n')) message.pop_back();
  const auto log = logHint();
  return {ErrorCategory::BrowserFailed, std::move(message),
          log.empty()
              ? "try again; with a profile that is kept (not --ephemeral) its whole log is too"
              : "try again; " + log};
}

std::string BrowserProcess::logHint() const {
  return folder_.kept ? fmt::format("its whole log is {}", folder_.log().native()) : "";
}

}  // namespace webpool::browsers
