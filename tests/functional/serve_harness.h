// `webpool serve --join` in the background, and what it tells of in lines of JSON.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "cli_harness.h"

namespace webpool::functional {

class ServeTest : public CliTest {
 protected:
  /// Without a browser of its own, on loopback, with a data folder of the test's.
  std::unique_ptr<Running> startServe(std::vector<std::string> more = {}) {
    environment_["WEBPOOL_DATA_DIR"] = folder() / "data";
    std::vector<std::string> command{"serve",     "--join",       "--host",
                                     "127.0.0.1", "--no-browser", "--json"};
    command.insert(command.end(), more.begin(), more.end());
    return start(std::move(command));
  }

  /// The last line of that event; empty for none.
  static boost::json::object event(const Running& running, std::string_view name) {
    boost::json::object found;
    std::istringstream lines(running.soFar().out);
    for (std::string line; std::getline(lines, line);) {
      if (lines.eof()) break;  // the last one has not come whole
      auto object = boost::json::parse(line).as_object();
      if (object.at("event").as_string() == name) found = std::move(object);
    }
    return found;
  }
  static bool waitForEvent(Running& running, const std::string& name) {
    return running.waitForLine("{\"event\":\"" + name + "\"");
  }
  /// Where programs call; 0 where it did not come so far.
  static std::uint16_t waitForApi(Running& running) {
    if (!waitForEvent(running, "api")) return 0;
    const std::string url(event(running, "api").at("url").as_string());
    return static_cast<std::uint16_t>(std::stoi(url.substr(url.rfind(':') + 1)));
  }
};

}  // namespace webpool::functional
