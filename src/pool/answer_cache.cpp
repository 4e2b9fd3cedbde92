#include "pool/answer_cache.h"

namespace webpool::pool {
namespace {

constexpr std::uint64_t kOfEach = 256;  // what an entry takes beside its bytes, about

std::uint64_t bytesOf(const std::string& key, const Inference& answer) {
  std::uint64_t bytes = kOfEach + key.size() + answer.details.size();
  for (const auto& output : answer.outputs) bytes += output.name.size() + output.data.size();
  return bytes;
}

}  // namespace

std::optional<Inference> AnswerCache::find(const std::string& key) {
  const auto found = byKey_.find(key);
  if (found == byKey_.end()) return std::nullopt;
  entries_.splice(entries_.begin(), entries_, found->second);
  auto answer = found->second->answer;
  answer.cached = true;
  answer.timings = {.cached = true};
  answer.batchItems = 0;
  return answer;
}

void AnswerCache::keep(const std::string& key, const Inference& answer) {
  const auto bytes = bytesOf(key, answer);
  if (key.empty() || bytes > capacity_) return;
  if (const auto found = byKey_.find(key); found != byKey_.end()) drop(found->second);
  while (bytes_ + bytes > capacity_) drop(std::prev(entries_.end()));
  entries_.push_front({key, answer, bytes});
  byKey_.emplace(entries_.front().key, entries_.begin());
  bytes_ += bytes;
}

void AnswerCache::drop(std::list<Entry>::iterator entry) {
  bytes_ -= entry->bytes;
  byKey_.erase(entry->key);
  entries_.erase(entry);
}

}  // namespace webpool::pool
