#include "tasks/ctc_text.h"

#include <algorithm>

namespace webpool::tasks {

ReadText ctcText(std::span<const float> probabilities, std::span<const std::string> alphabet) {
  ReadText read;
  const auto width = alphabet.size() + 1;
  std::size_t before = 0;
  std::size_t count = 0;
  for (std::size_t at = 0; at + width <= probabilities.size(); at += width) {
    const auto column = probabilities.subspan(at, width);
    const auto best = static_cast<std::size_t>(std::ranges::max_element(column) - column.begin());
    if (best != 0 && best != before) {
      read.text += alphabet[best - 1];
      read.score += column[best];
      ++count;
    }
    before = best;
  }
  if (count > 0) read.score /= double(count);
  return read;
}

std::vector<std::string> readAlphabet(std::string_view keys) {
  std::vector<std::string> alphabet;
  while (!keys.empty()) {
    const auto end = std::min(keys.find('\n'), keys.size());
    auto line = keys.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    alphabet.emplace_back(line);
    keys.remove_prefix(std::min(end + 1, keys.size()));
  }
  alphabet.emplace_back(" ");
  return alphabet;
}

}  // namespace webpool::tasks
