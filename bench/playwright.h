// Playwright's page.evaluate in its own Node and browser, told by pipe what to measure.
#pragma once

#include <sys/types.h>

#include <cstdio>
#include <filesystem>
#include <memory>

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
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  using File = std::unique_ptr<std::FILE, Close>;

  std::string readLine();

  pid_t pid_ = -1;
  File in_;   ///< to it
  File out_;  ///< from it
};

}  // namespace webpool::bench
