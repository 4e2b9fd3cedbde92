#include "cli/webdriver_guest.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <utility>

#include "browsers/webdriver_records.h"
#include "net/http_url.h"

namespace webpool::cli {
namespace {

namespace json = boost::json;
using browsers::WebDriverSession;

constexpr unsigned kMostSilentLooks = 3;

/// Which of the consent page's sections is shown (web/join/index.html), and what it says.
constexpr const char* kLookScript = R"(
  const shown = ['ask', 'active', 'stopped', 'refused'].find((id) => {
    const section = document.getElementById(id);
    return section !== null && !section.hidden;
  });
  const blanks = shown ? document.querySelectorAll('#' + shown + ' [data-fill]') : [];
  const said = Array.from(blanks, (blank) => blank.textContent.trim()).filter(Boolean);
  return { section: shown || '', said: said.join('. '), title: document.title };
)";

struct Look {
  std::string section;
  std::string said;
  std::string title;
};

std::string textOf(const json::value& value, std::string_view key) {
  const auto* object = value.if_object();
  const auto* field = object == nullptr ? nullptr : object->if_contains(key);
  const auto* text = field == nullptr ? nullptr : field->if_string();
  return text == nullptr ? std::string() : browsers::oneLine(*text);
}

/// False when `stop` came first.
bool pause(std::chrono::milliseconds time, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any woken;
  std::unique_lock lock(mutex);
  woken.wait_for(lock, stop, time, [] { return false; });
  return !stop.stop_requested();
}

class Guest {
 public:
  Guest(base::HttpClient& http, const GuestPlan& plan, const GuestEvents& events,
        const std::stop_token& stop)
      : http_(http), plan_(plan), events_(events), stop_(stop) {}

  Result<void> run(const base::RandomSource& random) {
    auto session = WebDriverSession::open(http_, plan_.target.remote,
                                          {.browserName = plan_.target.browserName,
                                           .acceptInsecureCerts = plan_.ownCertificate,
                                           .more = plan_.capabilities},
                                          stop_);
    if (!session) return std::unexpected(session.error());
    session_ = std::move(*session);
    auto record = browsers::WebDriverRecord::write(plan_.records, random, plan_.target.remote,
                                                   session_->browser().session);
    if (!record) {
      (void)session_->end();
      return std::unexpected(record.error());
    }
    auto done = join();
    if (done) done = watch();
    // Where that fails the record stays, and the next run ends it.
    auto ended = session_->end();
    if (ended) record->forget();
    if (done && !ended) {
      ended.error().hint = "the next webpool serve tries to end the session again";
      return ended;
    }
    return done;
  }

 private:
  Result<void> join() {
    if (auto opened = session_->navigate(plan_.link, stop_); !opened) {
      auto error = std::move(opened.error());
      if (error.hint.empty()) {
        error.hint = "the link must be reachable from that machine: see --host and --name";
      }
      return std::unexpected(std::move(error));
    }
    if (auto asked = waitFor("ask"); !asked) return asked;
    const auto button = session_->find("#agree", stop_);
    if (!button) return std::unexpected(button.error());
    if (auto clicked = session_->click(*button, stop_); !clicked) return clicked;
    return waitFor("active");
  }

  Result<Look> look() {
    const auto value = session_->execute(kLookScript, stop_);
    if (!value) return std::unexpected(value.error());
    return Look{textOf(*value, "section"), textOf(*value, "said"), textOf(*value, "title")};
  }

  Result<void> waitFor(std::string_view section) {
    Look last;
    for (unsigned i = 0; i < plan_.looks; ++i) {
      auto now = look();
      if (!now) return std::unexpected(now.error());
      last = std::move(*now);
      if (last.section == section) return {};
      if (last.section == "refused" || last.section == "stopped") {
        return fail(ErrorCategory::BrowserFailed,
                    fmt::format("{}: the page says: {}", plan_.target.remote, last.said));
      }
      if (!pause(plan_.lookEvery, stop_)) return given();
    }
    return fail(ErrorCategory::Timeout,
                fmt::format("{}: the page '{}' does not come to '{}'", plan_.target.remote,
                            last.title, section),
                "look at that browser: it may show a warning instead");
  }

  Result<void> watch() {
    events_.agreed(plan_.target, session_->browser());
    unsigned silent = 0;
    while (pause(plan_.watchEvery, stop_)) {
      const auto now = look();
      if (now && now->section == "stopped") {
        events_.ended(plan_.target, now->said);
        return {};
      }
      if (now) {
        silent = 0;
      } else if (stop_.stop_requested()) {
        break;
      } else if (now.error().category == ErrorCategory::WorkerLost ||
                 ++silent == kMostSilentLooks) {
        return std::unexpected(now.error());
      }
    }
    return {};
  }

  static std::unexpected<Error> given() { return fail(ErrorCategory::Cancelled, "given up"); }

  base::HttpClient& http_;
  const GuestPlan& plan_;
  const GuestEvents& events_;
  std::stop_token stop_;
  std::unique_ptr<WebDriverSession> session_;
};

bool isBrowserName(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-_. ").contains(c);
  });
}

}  // namespace

Result<WebDriverTarget> parseWebDriverTarget(std::string_view text) {
  WebDriverTarget target;
  const auto equals = text.find('=');
  if (equals < text.find("://")) {
    target.browserName = text.substr(0, equals);
    if (!isBrowserName(target.browserName)) {
      return fail(ErrorCategory::InvalidArgument, "what stands before '=' is no name of a browser",
                  "write it like safari=http://mac.local:4444");
    }
    text.remove_prefix(equals + 1);
  }
  const auto url = net::parseHttpUrl(text);
  if (!url) return std::unexpected(url.error());
  if (text.find_first_of("?#") != std::string_view::npos) {
    return fail(ErrorCategory::InvalidArgument, "the address of a WebDriver has no '?' and no '#'",
                "give it up to where /session begins, e.g. http://name:4444/wd/hub");
  }
  while (text.ends_with('/')) text.remove_suffix(1);
  target.remote = text;
  target.inTheClear = !url->tls && !url->isLoopback();
  return target;
}

void runWebDriverGuest(base::HttpClient& http, const base::RandomSource& random,
                       const GuestPlan& plan, const GuestEvents& events,
                       const std::stop_token& stop) {
  const auto done = Guest(http, plan, events, stop).run(random);
  if (!done && done.error().category != ErrorCategory::Cancelled) {
    events.failed(plan.target, done.error());
  }
}

}  // namespace webpool::cli
