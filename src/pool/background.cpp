#include "pool/background.h"

#include <utility>

namespace webpool::pool {

bool Background::run(std::function<void()> work) {
  Pieces ended;  // joined after the lock is free
  const std::lock_guard lock(mutex_);
  if (closed_) return false;
  std::erase_if(pieces_, [&](auto& piece) {
    if (!piece->finished) return false;
    ended.push_back(std::move(piece));
    return true;
  });
  auto* piece = pieces_.emplace_back(std::make_unique<Piece>()).get();
  piece->thread = std::jthread([piece, work = std::move(work)]() mutable {
    std::exchange(work, nullptr)();  // and what it holds is let go before it counts as finished
    piece->finished = true;
  });
  return true;
}

void Background::close() {
  Pieces all;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    all = std::exchange(pieces_, {});
  }
  // Joins each.
}

}  // namespace webpool::pool
