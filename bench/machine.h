// The machine that the figures come from: figures of other machines can't be compared with them.
#pragma once

#include <boost/json/object.hpp>
#include <string>

namespace webpool::bench {

struct Machine {
  std::string cpu;
  unsigned cores = 0;
  double memoryGib = 0;
  std::string kernel;
  std::string browser;      ///< name and version
  std::string loadAverage;  ///< of the last minute, before anything was measured

  std::string text() const;
  boost::json::object json() const;
};

/// All but the browser.
Machine inspectThisMachine();

}  // namespace webpool::bench
