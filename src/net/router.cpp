#include "net/router.h"

#include <set>
#include <utility>

namespace webpool::net {

void Router::add(std::string method, std::string path, Handler handler) {
  exact_[std::move(path)][std::move(method)] = std::make_shared<const Handler>(std::move(handler));
}

void Router::addPrefix(std::string method, std::string prefix, Handler handler) {
  prefixes_[std::move(prefix)][std::move(method)] =
      std::make_shared<const Handler>(std::move(handler));
}

Router::Match Router::find(std::string_view method, std::string_view path) const {
  std::set<std::string> allowed;
  const auto pick = [&](const Methods& methods) -> Shared {
    auto found = methods.find(method);
    if (found == methods.end() && method == "HEAD") found = methods.find("GET");
    if (found != methods.end()) return found->second;
    for (const auto& [name, handler] : methods) {
      allowed.insert(name);
      if (name == "GET") allowed.insert("HEAD");
    }
    return nullptr;
  };

  if (const auto found = exact_.find(path); found != exact_.end()) {
    if (auto handler = pick(found->second)) return handler;
  }
  // Backwards from the path's place in the order: among the prefixes of one path, the longest comes
  // last.
  for (auto at = prefixes_.upper_bound(path); at != prefixes_.begin();) {
    --at;
    if (!path.starts_with(at->first)) continue;
    if (auto handler = pick(at->second)) return handler;
  }
  if (allowed.empty()) return NoSuchPath{};
  std::string list;
  for (const auto& name : allowed) list += (list.empty() ? "" : ", ") + name;
  return WrongMethod{std::move(list)};
}

}  // namespace webpool::net
