// Playwright's page.evaluate in its own Node and browser, told by pipe what to measure.
#pragma once

#include <filesystem>

#include "child_program.h"

namespace webpool::bench {

class Playwright {
 public:
  /// `script`: playwright.mjs; runs it with the `node` in PATH.
  Playwright(const std::filesystem::path& script, const std::filesystem::path& browser);

  /// Ends it and its browser.
  ~Playwright();
  Playwright(const Playwright&) = delete;
  Playwright& operator=(const Playwright&) = delete;

  enum class Form {
    Text,   ///< base64 that the page hands back as it is
    Bytes,  ///< base64 that the page decodes to bytes and encodes again
  };

  /// Moves 1 MiB to the page and back `count` times, `inFlight` at a time; milliseconds of all.
  double roundTrips(unsigned count, unsigned inFlight, Form form);

 private:
  ChildProgram node_;
};

}  // namespace webpool::bench
