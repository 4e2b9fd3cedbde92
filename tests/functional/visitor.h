// A person at another device: a Chromium of the test's own that opens a link, looks at the page and
// presses its buttons, through the browser's debugging port.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "cli_harness.h"
#include "net/test_websocket.h"

namespace webpool::functional {

class Visitor {
 public:
  /// `folder`: of its profile. Takes any certificate, as a person does who went past the warning.
  Visitor(const std::string& chromium, const std::filesystem::path& folder, const std::string& url);
  ~Visitor();

  /// Waits until a JavaScript expression of the page holds. Ends the test's process group's
  /// patience only: the test's time limit.
  void waitUntil(const std::string& expression);
  /// The expression's value as text.
  std::string evaluate(const std::string& expression);
  void press(const std::string& id) { evaluate("document.getElementById('" + id + "').click()"); }
  /// Of the section that is shown.
  void waitForSection(const std::string& id) {
    waitUntil("!document.getElementById('" + id + "').hidden");
  }

 private:
  boost::json::object call(const std::string& method, boost::json::object parameters);

  Running browser_;
  std::unique_ptr<net::WebSocketClient> socket_;
  int lastId_ = 0;
};

}  // namespace webpool::functional
