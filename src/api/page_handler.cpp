#include "api/page_handler.h"

namespace webpool::api {

net::Handler pageHandler(const net::EmbeddedFiles& files) {
  return [&files](const net::Request& request, const std::function<void(net::Response)>& respond) {
    if (const auto* file = files.find(request.path)) {
      auto response = net::respondWith(*file, request);
      // The names of assets change with their contents, so a browser may keep them, and with them
      // the machine code that it made of the WASM.
      if (file->path.starts_with("worker/assets/")) {
        response.headers.set("Cache-Control", "public, max-age=31536000, immutable");
      }
      respond(std::move(response));
      return;
    }
    net::Response missing{.status = 404, .headers = {}, .body = std::string("no such file\n")};
    missing.headers.set("Content-Type", "text/plain; charset=utf-8");
    respond(std::move(missing));
  };
}

}  // namespace webpool::api
