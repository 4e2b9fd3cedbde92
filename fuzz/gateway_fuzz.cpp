// What a request asks of the gateway: the first line is the path, the second the query, the third
// the Accept field.
#include "api/gateway/ask.h"
#include "api/gateway/conditions.h"
#include "api/gateway/pages.h"
#include "fuzz/fuzz.h"

using namespace webpool;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto rest = fuzz::textOf(data, size);
  const auto line = [&rest] {
    const auto taken = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), taken.size() + 1));
    return std::string(taken);
  };
  net::Request request;
  request.method = "GET";
  request.path = line();
  request.query = line();
  request.headers.set("Accept", line());
  if (const auto ask = api::gateway::readAsk(request)) {
    const auto disposition = api::gateway::dispositionOf(true, ask->filename);
    for (const char letter : disposition) {
      fuzz::require(static_cast<unsigned char>(letter) >= 0x20);
    }
    const api::gateway::FolderPageText page(ask->root, ask->path, ask->root);
    (void)page.row({ask->root, ask->path, 1});
  }
  (void)api::gateway::namesTag(rest, "\"tag\"");
  return 0;
}
