// The log of a pool: on stderr, silent below its level.
#pragma once

#include <spdlog/logger.h>

#include <memory>
#include <string>

namespace webpool::pool {

/// Not registered anywhere: who makes it owns it. `level` as PoolOptions::logLevel.
std::shared_ptr<spdlog::logger> makeLog(const std::string& level);

}  // namespace webpool::pool
