// The words that stand for a mask, of the vocabularies in a tokenizer.json: WordPiece (BERT),
// byte-level BPE (RoBERTa), SentencePiece (XLM-R). Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "webpool/error.h"

namespace webpool::tasks {

class MaskWords {
 public:
  /// `tokenizer`: tokenizer.json; `config`: tokenizer_config.json, which names the mask.
  /// InvalidModel where a vocabulary or a mask is missing.
  static Result<MaskWords> read(std::string_view tokenizer, std::string_view config);

  const std::string& mask() const { return mask_; }
  std::size_t size() const { return pieces_.size(); }

  /// The word alone: "paris", "ing" for "##ing". Empty for an unknown id.
  std::string word(std::size_t id) const;

  /// The text with the token in place of its `which`-th mask (from 0): glued to what stands before
  /// where the piece goes on with it. Unchanged where there are not so many.
  std::string filled(std::string_view text, std::size_t which, std::size_t id) const;

  std::size_t masksIn(std::string_view text) const;

 private:
  struct Piece {
    std::string word;
    bool continues = false;  ///< with the word before
  };
  Piece pieceOf(std::string_view token) const;

  std::vector<Piece> pieces_;  ///< by id
  std::string mask_;
  std::string continuing_;  ///< "##", or empty
  bool byteLevel_ = false;
  bool spaceMarked_ = false;  ///< "▁" or "Ġ" begins a word
};

}  // namespace webpool::tasks
