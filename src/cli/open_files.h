// How many files and sockets this process may have open.
#pragma once

#include <cstddef>

namespace webpool::cli {

/// Raises the limit to what the system allows this process, and returns it.
std::size_t raiseOpenFiles() noexcept;

/// Connections that fit under a limit of open files, beside what browsers, models and the record
/// take.
std::size_t connectionsUnder(std::size_t openFiles) noexcept;

}  // namespace webpool::cli
