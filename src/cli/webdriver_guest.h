// A browser that is brought to the join link by its WebDriver instead of by a person: the operator
// named that machine, and that is the consent which the page asks for.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/http_client.h"
#include "base/random.h"
#include "browsers/webdriver.h"
#include "webpool/error.h"

namespace webpool::cli {

/// What a person names: "http://mac.local:4444" or "safari=http://mac.local:4444".
struct WebDriverTarget {
  std::string remote;
  std::string browserName = {};  ///< empty: whatever the driver has
  /// What is sent there, the link's key among it, can be read on the way.
  bool inTheClear = false;
};

/// InvalidArgument for a URL or browser name that is none.
Result<WebDriverTarget> parseWebDriverTarget(std::string_view text);

struct GuestPlan {
  WebDriverTarget target;
  std::string link;
  /// The link's certificate is one that webpool made, which no browser trusts by itself.
  bool ownCertificate = false;
  std::filesystem::path records = {};  ///< browsers/webdriver_records.h
  boost::json::object capabilities = {};
  std::chrono::milliseconds lookEvery{250};  ///< until the page asks, and has begun
  unsigned looks = 120;                      ///< then it is given up
  /// Afterwards; a Selenium Grid ends a session that is silent for 5 minutes.
  std::chrono::milliseconds watchEvery{60'000};
};

/// Called on the guest's thread.
struct GuestEvents {
  /// The page was opened and told yes; that it has joined, the join desk says.
  std::function<void(const WebDriverTarget&, const browsers::WebDriverBrowser&)> agreed;
  /// After agreed: its person or the pool ended it, in the page's words.
  std::function<void(const WebDriverTarget&, const std::string& why)> ended;
  std::function<void(const WebDriverTarget&, const Error&)> failed;
  /// A session that an earlier run left there was ended.
  std::function<void(const std::string& remote)> swept;
};

/// Opens the session, the link, presses `agree`, and stays until `stop`, until the page says that
/// it is over, or until the session is lost. The session is ended in each case; at most 10 seconds
/// after a stop. Blocks.
void runWebDriverGuest(base::HttpClient& http, const base::RandomSource& random,
                       const GuestPlan& plan, const GuestEvents& events,
                       const std::stop_token& stop);

}  // namespace webpool::cli
