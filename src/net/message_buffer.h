// One incoming WebSocket message in one piece of memory, of which only what has arrived is ever
// touched: a peer that announces a gigabyte and sends nothing costs address space, not memory.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <span>
#include <utility>

#include "webpool/tensor.h"

namespace webpool::net {

class MessageBuffer {
 public:
  std::size_t size() const noexcept { return size_; }

  /// At least one byte of room, `wanted` bytes where memory lasts for it; empty when it does not.
  std::span<std::byte> room(std::size_t wanted) noexcept {
    if (size_ + wanted > capacity_) {
      // Exact at first (most messages announce their size), doubling when that was wrong.
      const auto grown = capacity_ == 0 ? wanted : std::max(size_ + wanted, 2 * capacity_);
      // realloc moves large blocks by their pages, without copying; its memory is 16-byte aligned.
      auto* moved = static_cast<std::byte*>(std::realloc(data_.get(), grown));
      if (moved == nullptr) return {};
      (void)data_.release();
      data_.reset(moved);
      capacity_ = grown;
    }
    return {data_.get() + size_, wanted};
  }

  void commit(std::size_t count) noexcept { size_ += count; }

  /// The message; the buffer is empty again.
  Bytes take() {
    const std::span<const std::byte> view(data_.get(), std::exchange(size_, 0));
    capacity_ = 0;
    return Bytes(std::shared_ptr<const void>(std::move(data_)), view);
  }

 private:
  struct Free {
    void operator()(std::byte* memory) const noexcept { std::free(memory); }
  };
  std::unique_ptr<std::byte, Free> data_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace webpool::net
