// A thousand connections are a thousand open files, of which most shells allow fewer.
#pragma once

#include <sys/resource.h>

namespace webpool::bench {

/// As many as this process may allow itself.
inline void allowManyFiles() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace webpool::bench
