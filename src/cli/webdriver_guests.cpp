#include "cli/webdriver_guests.h"

#include <chrono>
#include <utility>

#include "browsers/webdriver_records.h"

namespace webpool::cli {

WebDriverGuests::WebDriverGuests(base::HttpClient& http, base::RandomSource random,
                                 std::filesystem::path records, std::vector<GuestPlan> plans,
                                 GuestEvents events)
    : http_(http),
      random_(std::move(random)),
      records_(std::move(records)),
      plans_(std::move(plans)),
      events_(std::move(events)) {
  for (auto& plan : plans_) {
    plan.records = records_;
    threads_.emplace_back([this, &plan](const std::stop_token& stop) {
      sweepOnce(stop);
      runWebDriverGuest(http_, random_, plan, events_, stop);
    });
  }
  if (plans_.empty() && browsers::hasWebDriverRecords(records_)) {
    threads_.emplace_back([this](const std::stop_token& stop) { sweepOnce(stop); });
  }
}

WebDriverGuests::~WebDriverGuests() {
  stop();
}

void WebDriverGuests::stop() {
  for (auto& thread : threads_) thread.request_stop();
  threads_.clear();
}

void WebDriverGuests::sweepOnce(const std::stop_token& stop) {
  // The others wait: a driver with one session opens none while the old one is there.
  const std::lock_guard lock(sweeping_);
  if (std::exchange(swept_, true)) return;
  const auto sweep =
      browsers::sweepWebDriverSessions(http_, records_, std::chrono::system_clock::now(), stop);
  for (const auto& remote : sweep.ended) events_.swept(remote);
}

}  // namespace webpool::cli
