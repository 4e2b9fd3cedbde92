// Which handler answers a request.
#pragma once

#include <functional>
#include <map>
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
  using Match = std::variant<const Handler*, NoSuchPath, WrongMethod>;

  /// The handler is valid until the next add.
  Match find(std::string_view method, std::string_view path) const;

 private:
  using Methods = std::map<std::string, Handler, std::less<>>;
  std::map<std::string, Methods, std::less<>> exact_;
  std::map<std::string, Methods, std::less<>> prefixes_;
};

}  // namespace webpool::net
