// All the browsers that `--webdriver` names, each with a thread of its own, and what earlier runs
// left at remote ends.
#pragma once

#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "cli/webdriver_guest.h"

namespace webpool::cli {

class WebDriverGuests {
 public:
  /// First ends, in the background, the sessions that a dead run left (browsers/webdriver_records.h
  /// in `records`), also when there are no plans. `http` outlives this.
  WebDriverGuests(base::HttpClient& http, base::RandomSource random, std::filesystem::path records,
                  std::vector<GuestPlan> plans, GuestEvents events);
  /// stop()
  ~WebDriverGuests();
  WebDriverGuests(const WebDriverGuests&) = delete;
  WebDriverGuests& operator=(const WebDriverGuests&) = delete;

  /// Ends every session, all at once; no event follows. At most 20 seconds, where a remote end is
  /// out of reach. Idempotent.
  void stop();

 private:
  void sweepOnce(const std::stop_token& stop);

  base::HttpClient& http_;
  base::RandomSource random_;
  std::filesystem::path records_;
  std::vector<GuestPlan> plans_;
  GuestEvents events_;
  std::mutex sweeping_;
  bool swept_ = false;
  std::vector<std::jthread> threads_;
};

}  // namespace webpool::cli
