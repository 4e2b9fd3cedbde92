#include "tasks/transcript_spans.h"

#include <algorithm>

namespace webpool::tasks {

WindowTranscript transcriptSpans(std::span<const Token> tokens, const WhisperRules& rules,
                                 double length) {
  WindowTranscript result;
  const auto first = rules.firstTimestamp();
  const auto isTime = [&](std::size_t i) { return tokens[i] >= first; };
  const auto seconds = [&](Token time) { return std::min(rules.secondsOf(time), length); };
  const auto add = [&](std::span<const Token> piece, double start, double end) {
    TokenSpan span{start, end, {}};
    std::ranges::copy_if(piece, std::back_inserter(span.tokens),
                         [&](Token token) { return token < first; });
    if (!span.tokens.empty() && end > start) result.spans.push_back(std::move(span));
  };

  // Two timestamps side by side: one span ends, the next begins.
  std::vector<std::size_t> cuts;
  for (std::size_t i = 1; i < tokens.size(); ++i) {
    if (isTime(i) && isTime(i - 1)) cuts.push_back(i);
  }
  const bool endsWithOneTime =
      tokens.size() >= 2 && isTime(tokens.size() - 1) && !isTime(tokens.size() - 2);
  if (cuts.empty()) {
    double end = length;
    for (std::size_t i = 1; i < tokens.size(); ++i) {
      if (isTime(i) && tokens[i] > first) end = seconds(tokens[i]);
    }
    const double start = !tokens.empty() && isTime(0) ? seconds(tokens[0]) : 0;
    add(tokens, start < end ? start : 0, end);
    result.next = length;
    return result;
  }
  if (endsWithOneTime) cuts.push_back(tokens.size());
  std::size_t begin = 0;
  for (const auto cut : cuts) {
    const auto piece = tokens.subspan(begin, cut - begin);
    const double start = piece.front() >= first ? seconds(piece.front()) : 0;
    add(piece, start, seconds(piece.back()));
    begin = cut;
  }
  // After a lone last timestamp the rest of the window holds nothing to say.
  result.next = endsWithOneTime ? length : seconds(tokens[begin - 1]);
  if (result.next <= 0) result.next = length;
  return result;
}

}  // namespace webpool::tasks
