// Which handler answers a request.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "net/http_types.h"

namespace webpool::net {

class Router {
 public:
  void add(std::string method, std::string path, Handler handler);
  void addPrefix(std::string method, std::string prefix, Handler handler);

  struct NoSuchPath {};
  struct WrongMethod {
    std::string allowed;  ///< "GET, HEAD, POST"
  };
  /// A handler lives as long as somebody holds it: a call may replace or end the router.
  using Shared = std::shared_ptr<const Handler>;
  using Match = std::variant<Shared, NoSuchPath, WrongMethod>;

  Match find(std::string_view method, std::string_view path) const;

 private:
  using Methods = std::map<std::string, Shared, std::less<>>;
  std::map<std::string, Methods, std::less<>> exact_;
  std::map<std::string, Methods, std::less<>> prefixes_;
};

}  // namespace webpool::net
