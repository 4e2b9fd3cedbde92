#include "net/respond_later.h"

#include <memory>
#include <utility>

namespace webpool::net {
namespace {

struct Held {
  Held(EventLoop& l, std::function<void(Response)> r) : loop(l), respond(std::move(r)) {}
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  // Letting go of `respond` may answer.
  ~Held() {
    if (!loop.runsHere()) loop.post([last = std::move(respond)] {});
  }

  EventLoop& loop;
  std::function<void(Response)> respond;
};

}  // namespace

std::function<void(Response)> fromAnyThread(EventLoop& loop,
                                            std::function<void(Response)> respond) {
  return [held = std::make_shared<Held>(loop, std::move(respond))](Response response) {
    if (held->loop.runsHere()) return held->respond(std::move(response));
    held->loop.post([respond = held->respond, response = std::move(response)]() mutable {
      respond(std::move(response));
    });
  };
}

}  // namespace webpool::net
