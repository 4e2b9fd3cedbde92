// Characters of Unicode as sorted ranges, without surrogates, which no UTF-8 has. Pure.
#pragma once

#include <string>
#include <vector>

namespace webpool::tasks {

/// A character as UTF-8.
std::string utf8Of(char32_t character);

class CharacterSet {
 public:
  struct Range {
    char32_t first;
    char32_t last;
  };

  CharacterSet() = default;
  explicit CharacterSet(std::vector<Range> ranges);

  CharacterSet operator|(const CharacterSet& other) const;
  CharacterSet operator&(const CharacterSet& other) const;
  CharacterSet operator~() const;

  /// In order; between two there is a character that is in none.
  const std::vector<Range>& ranges() const { return ranges_; }
  bool empty() const { return ranges_.empty(); }

 private:
  std::vector<Range> ranges_;
};

}  // namespace webpool::tasks
