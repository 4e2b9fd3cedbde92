// Distributions install a browser's command as a shell script that sets some variables and execs
// the real program. webpool starts that program itself, so that the pid it holds is the browser's.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string_view>

#include "browsers/environment.h"

namespace webpool::browsers {

/// The program behind `path` (links followed): `path` itself when it is no script; for a script,
/// what its `exec` line names, or else a program with one of `realNames` beside it; the script when
/// neither is found. nullopt when there is no executable file.
std::optional<std::filesystem::path> resolveProgram(const Environment& environment,
                                                    const std::filesystem::path& path,
                                                    std::span<const std::string_view> realNames);

}  // namespace webpool::browsers
