// What a browser is started with.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "browsers/browser.h"
#include "browsers/environment.h"
#include "browsers/machine.h"

namespace webpool::browsers {

/// Where one browser lives; made by Slot::browserFolder.
struct BrowserFolder {
  std::filesystem::path root;
  bool kept = true;  ///< false: it is removed with its slot, so no message names its log

  std::filesystem::path profile() const { return root / "profile"; }
  std::filesystem::path home() const { return root / "home"; }
  std::filesystem::path runtime() const { return root / "run"; }
  std::filesystem::path temporary() const { return root / "tmp"; }
  std::filesystem::path log() const { return root / "browser.log"; }
  std::filesystem::path record() const { return root / "browser.json"; }
};

struct LaunchOptions {
  Browser browser;
  BrowserFolder folder;
  std::string url;
  MachineFacts machine;
  Environment environment;  ///< where DISPLAY, LANG and the like are taken from
  bool headless = true;
  std::vector<std::string> extraFlags;
};

}  // namespace webpool::browsers
