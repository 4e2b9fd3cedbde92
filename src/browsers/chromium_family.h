// What all browsers made from Chromium are started with.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "browsers/launch_options.h"

namespace webpool::browsers {

// They name the process that held the profile; the slot's lock says more.
inline constexpr std::array<std::string_view, 3> kChromiumStaleFiles{
    "SingletonLock", "SingletonCookie", "SingletonSocket"};
inline constexpr std::array<std::string_view, 2> kChromiumLogNoise{":dbus/",
                                                                   "third_party/crashpad"};
inline constexpr std::string_view kChromiumProfileFlag = "--user-data-dir=";
inline constexpr std::string_view kChromiumMinimum = "113";
inline constexpr std::string_view kChromiumMinimumReason = "the first with WebGPU";

/// Every argument but the address; `features` is a comma-separated list to enable.
std::vector<std::string> chromiumArguments(const LaunchOptions& options,
                                           std::string_view features = {});

/// With the page in a window of its own. Not understood by a headless shell.
std::vector<std::string> chromiumAppArguments(const LaunchOptions& options);

std::vector<std::string> chromiumEnvironment(const LaunchOptions& options);

}  // namespace webpool::browsers
