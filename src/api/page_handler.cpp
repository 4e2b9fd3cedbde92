#include "api/page_handler.h"

#include <algorithm>

#include "api/gateway/accept.h"

namespace webpool::api {
namespace {

bool takesBrotli(const net::Request& request) {
  // Accept-Encoding has the form of Accept, with codings in the place of types.
  const auto codings = gateway::acceptedTypes(request.headers.get("Accept-Encoding"));
  return std::ranges::any_of(codings, [](const auto& coding) { return coding.type == "br"; });
}

net::Response respondWith(const net::EmbeddedFile& file, const net::EmbeddedFile* brotli,
                          const net::Request& request) {
  if (brotli == nullptr) return net::respondWith(file, request);
  const bool compressed = takesBrotli(request);
  auto response = net::respondWith(compressed ? *brotli : file, request);
  response.headers.set("Vary", "Accept-Encoding");
  if (compressed && response.status == 200) {
    response.headers.set("Content-Type", std::string(file.contentType));
    response.headers.set("Content-Encoding", "br");
  }
  return response;
}

}  // namespace

net::Handler pageHandler(const net::EmbeddedFiles& files, PageReaders readers) {
  return [&files, readers](const net::Request& request,
                           const std::function<void(net::Response)>& respond) {
    if (const auto* file = files.find(request.path)) {
      const auto* brotli = readers == PageReaders::Anywhere ? files.brotli(*file) : nullptr;
      auto response = respondWith(*file, brotli, request);
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
