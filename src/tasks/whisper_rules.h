// What a Whisper model's generation_config.json says of its tokens. Pure.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "webpool/error.h"

namespace webpool::tasks {

using Token = std::int64_t;

struct WhisperRules {
  Token start = 0;
  Token end = 0;
  std::vector<Token> suppress;
  std::vector<Token> suppressFirst;
  std::map<std::string, Token> languages;  ///< "en"; none: the model knows English only
  std::optional<Token> transcribe;         ///< of models that know several languages
  std::optional<Token> translate;
  Token noTimestamps = 0;
  Token latestBegin = 50;  ///< steps of 0.02 s

  Token firstTimestamp() const { return noTimestamps + 1; }
  Token noSpeech() const { return noTimestamps - 1; }

  /// Seconds from the window's beginning.
  double secondsOf(Token timestamp) const { return 0.02 * double(timestamp - firstTimestamp()); }
};

/// InvalidModel names what is missing.
Result<WhisperRules> readWhisperRules(std::string_view generationConfig);

struct WhisperCall {
  std::string language{};  ///< empty: the model tells it
  bool translate = false;  ///< into English
  double temperature = 0;
  std::uint32_t seed = 0;
};

/// The parameters of the page's task (docs/protocol.md, "automatic-speech-recognition").
/// InvalidArgument for a language that the model does not know, or a translation that it can't
/// make.
Result<boost::json::object> whisperParameters(const WhisperRules& rules, const WhisperCall& call);

}  // namespace webpool::tasks
