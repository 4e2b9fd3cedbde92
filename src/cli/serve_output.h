// What `webpool serve` prints: the link, and what happens, a line each.
#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "browsers/browser.h"
#include "cli/line_writer.h"
#include "cli/serve_greeting.h"
#include "webpool/pool.h"

namespace webpool::cli {

/// For a person or as JSON. Thread-safe, and never waits for who reads standard output: what a
/// stopped reader leaves no room for is left out, and counted in a line once it reads again.
class ServeOutput {
 public:
  explicit ServeOutput(bool asJson);

  /// `ttl`: how long the link lets devices in.
  void invitation(const Invitation& invitation, const JoinOptions& options);
  /// Programs may call; as in greeting().
  void api(const std::string& origin, const std::vector<NamedTask>& models, std::string_view token);
  void device(const JoinEvent& event);
  void localBrowser(const BrowserCapabilities& found);
  /// The first of each family that is installed, and the names of those that run, where none was
  /// named.
  void found(const std::vector<browsers::Browser>& found, const std::vector<std::string>& launched);
  /// As JSON every change; for a person that a browser went, and that it is back.
  void stateChange(const std::string& connection, const StateChange& change);
  /// A model gets more workers, or fewer.
  void scaled(const ScalingEvent& event);
  /// A model that is loaded and may be called.
  void model(const ModelInfo& info);
  /// What only programs are told.
  void event(std::string_view event, boost::json::object fields);
  /// For a person, as it is; nothing as JSON.
  void text(const std::string& text);
  /// Anything else that happens; `text` is for a person, the rest for a program.
  void line(std::string_view event, boost::json::object fields, const std::string& text);

 private:
  void put(const std::string& text);

  bool json_;
  LineWriter writer_;
  std::set<std::string> away_;  ///< connections that went; the pool's thread only
};

}  // namespace webpool::cli
