#include "tasks/character_set.h"

#include <algorithm>
#include <utility>

namespace webpool::tasks {
namespace {

using Ranges = std::vector<CharacterSet::Range>;

constexpr char32_t kLast = 0x10FFFF;
constexpr CharacterSet::Range kSurrogates{0xD800, 0xDFFF};

void withoutSurrogates(CharacterSet::Range range, Ranges& to) {
  if (range.first < kSurrogates.first) {
    to.push_back({range.first, std::min<char32_t>(range.last, kSurrogates.first - 1)});
  }
  if (range.last > kSurrogates.last) {
    to.push_back({std::max<char32_t>(range.first, kSurrogates.last + 1), range.last});
  }
}

}  // namespace

std::string utf8Of(char32_t character) {
  const auto byte = [](char32_t value) { return static_cast<char>(value); };
  const auto next = [&](unsigned shift) { return byte(0x80 | (character >> shift & 0x3F)); };
  if (character < 0x80) return {byte(character)};
  if (character < 0x800) return {byte(0xC0 | character >> 6), next(0)};
  if (character < 0x10000) return {byte(0xE0 | character >> 12), next(6), next(0)};
  return {byte(0xF0 | character >> 18), next(12), next(6), next(0)};
}

CharacterSet::CharacterSet(std::vector<Range> ranges) {
  std::ranges::sort(ranges, {}, &Range::first);
  Ranges joined;
  for (const auto& range : ranges) {
    if (!joined.empty() && range.first <= joined.back().last + 1) {
      joined.back().last = std::max(joined.back().last, range.last);
    } else {
      joined.push_back(range);
    }
  }
  for (const auto& range : joined) withoutSurrogates(range, ranges_);
}

CharacterSet CharacterSet::operator|(const CharacterSet& other) const {
  auto all = ranges_;
  all.insert(all.end(), other.ranges_.begin(), other.ranges_.end());
  return CharacterSet(std::move(all));
}

CharacterSet CharacterSet::operator&(const CharacterSet& other) const {
  return ~(~*this | ~other);
}

CharacterSet CharacterSet::operator~() const {
  Ranges between;
  char32_t next = 0;
  for (const auto& range : ranges_) {
    if (range.first > next) between.push_back({next, range.first - 1});
    next = range.last + 1;
  }
  if (next <= kLast) between.push_back({next, kLast});
  return CharacterSet(std::move(between));
}

}  // namespace webpool::tasks
