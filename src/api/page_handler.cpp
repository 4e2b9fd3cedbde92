#include "api/page_handler.h"

namespace webpool::api {

net::Handler pageHandler(const net::EmbeddedFiles& files) {
  return [&files](const net::Request& request, const std::function<void(net::Response)>& respond) {
    if (const auto* file = files.find(request.path)) {
      respond(net::respondWith(*file, request));
      return;
    }
    net::Response missing{.status = 404, .headers = {}, .body = std::string("no such file\n")};
    missing.headers.set("Content-Type", "text/plain; charset=utf-8");
    respond(std::move(missing));
  };
}

}  // namespace webpool::api
