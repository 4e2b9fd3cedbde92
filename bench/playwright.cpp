#include "playwright.h"

#include <fmt/format.h>

#include <cstdlib>

#include "failure.h"

namespace webpool::bench {

Playwright::Playwright(const std::filesystem::path& script, const std::filesystem::path& browser)
    : node_({"node", script.string(), browser.string()}) {
  node_.hear("ready");
}

Playwright::~Playwright() {
  node_.finish();  // It ends its browser.
}

double Playwright::roundTrips(unsigned count, unsigned inFlight, Form form) {
  node_.say(fmt::format("{} {} {}", count, inFlight, form == Form::Text ? "text" : "bytes"));
  const auto answer = node_.hear();
  const double milliseconds = std::strtod(answer.c_str(), nullptr);
  require(milliseconds > 0, "Playwright answers: " + answer);
  return milliseconds;
}

}  // namespace webpool::bench
