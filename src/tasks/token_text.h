// The text that a model's tokens stand for, of byte-level vocabularies (GPT-2's, which Whisper
// has).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "webpool/error.h"

namespace webpool::tasks {

class TokenText {
 public:
  /// `vocabulary`: the text of a vocab.json, token to id. InvalidModel where it is none.
  static Result<TokenText> read(std::string_view vocabulary);

  /// UTF-8 as the tokens' bytes have it: a character that lacks bytes, at an end, becomes U+FFFD.
  /// Ids that the vocabulary does not know stand for nothing: timestamps and other marks.
  std::string text(std::span<const std::int64_t> tokens) const;

 private:
  std::vector<std::string> bytes_;  ///< by id
};

}  // namespace webpool::tasks
