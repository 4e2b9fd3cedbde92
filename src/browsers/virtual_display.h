// A display without a screen, for a browser that has no headless mode: our own Xvfb. Only who has
// the cookie can connect to it. Linux with X11.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "browsers/child_process.h"
#include "browsers/environment.h"
#include "browsers/spawn.h"
#include "webpool/error.h"

namespace webpool::browsers {

/// False when `display` (":0", ":0.0") is of this machine and nobody listens there.
bool displayAnswers(std::string_view display);

/// Not thread-safe; movable. Destroying it ends the Xvfb.
class VirtualDisplay {
 public:
  struct Plan {
    std::filesystem::path folder;        ///< working directory
    std::filesystem::path authority;     ///< a file with an authorityText()
    std::vector<std::string> variables;  ///< further entries of Xvfb's environment
  };
  using Spawn = std::function<Result<ChildProcess>(const SpawnPlan&)>;

  /// Starts an Xvfb by a free number and returns when it can be connected to (0.1 s). It ends when
  /// the thread that forked it ends. BrowserFailed when no Xvfb is installed or it does not start.
  static Result<VirtualDisplay> start(const Environment& environment, const Plan& plan,
                                      const Spawn& spawn);

  VirtualDisplay(VirtualDisplay&& other) noexcept;
  VirtualDisplay& operator=(VirtualDisplay&& other) noexcept;
  ~VirtualDisplay();

  /// What a file with the cookie has in it; only this user may read it. `secret`: 16 random bytes
  /// or more.
  static std::string authorityText(std::string_view secret);

  /// What a program needs to connect: "DISPLAY=:90", "XAUTHORITY=…", "GDK_BACKEND=x11".
  std::vector<std::string> variables() const;

  pid_t pid() const noexcept { return child_.pid(); }

  /// Ends it and waits until it is gone. Calling it again does nothing.
  void stop() noexcept;

 private:
  VirtualDisplay(ChildProcess child, unsigned number, std::filesystem::path authority);

  ChildProcess child_;
  unsigned number_ = 0;
  std::filesystem::path authority_;
  bool stopped_ = false;
};

}  // namespace webpool::browsers
