#include "pool/log.h"

#include <spdlog/sinks/stdout_sinks.h>

namespace webpool::pool {

std::shared_ptr<spdlog::logger> makeLog(const std::string& level) {
  auto log = std::make_shared<spdlog::logger>("webpool",
                                              std::make_shared<spdlog::sinks::stderr_sink_mt>());
  log->set_pattern("%H:%M:%S.%e %l %v");
  log->set_level(spdlog::level::from_str(level));
  log->flush_on(spdlog::level::trace);
  return log;
}

}  // namespace webpool::pool
