// Answers of one model that are kept, to be given again for equal calls. Pure.
#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "webpool/result.h"

namespace webpool::pool {

/// The least recently used leave first. Not thread-safe.
class AnswerCache {
 public:
  /// `capacity`: bytes of keys and answers; 0: nothing is kept.
  explicit AnswerCache(std::uint64_t capacity) : capacity_(capacity) {}

  bool isOn() const { return capacity_ > 0; }
  /// By BatchRules::answerKey(). Its times are zero: nothing ran.
  std::optional<Inference> find(const std::string& key);
  /// An answer that alone is larger than all may be is not kept.
  void keep(const std::string& key, const Inference& answer);

  std::uint64_t bytes() const { return bytes_; }
  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    std::string key;
    Inference answer;
    std::uint64_t bytes = 0;
  };
  void drop(std::list<Entry>::iterator entry);

  std::uint64_t capacity_;
  std::uint64_t bytes_ = 0;
  std::list<Entry> entries_;  ///< the latest used first
  std::unordered_map<std::string_view, std::list<Entry>::iterator> byKey_;
};

}  // namespace webpool::pool
