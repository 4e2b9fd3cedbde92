// Which page served a conversation last: it holds the cache of what was said.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

namespace webpool::pool {

/// Remembers the latest ones, so many at most. Not thread-safe.
class Conversations {
 public:
  explicit Conversations(std::size_t most = 1024) : most_(most) {}

  /// `page`: its incarnation. Nothing is remembered of an empty name.
  void served(const std::string& conversation, std::uint64_t page);
  /// 0 where it is not known.
  std::uint64_t find(const std::string& conversation) const;
  std::size_t size() const noexcept { return pages_.size(); }

 private:
  struct Served {
    std::uint64_t page = 0;
    std::uint64_t at = 0;
  };

  std::size_t most_;
  std::uint64_t clock_ = 0;
  std::map<std::string, Served> pages_;
  std::map<std::uint64_t, std::string> byTime_;
};

}  // namespace webpool::pool
