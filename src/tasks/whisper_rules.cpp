#include "tasks/whisper_rules.h"

#include <fmt/format.h>

#include <boost/json.hpp>

namespace webpool::tasks {
namespace {

namespace json = boost::json;

struct Missing {
  std::string_view key;
};

Token tokenOf(const json::object& config, std::string_view key) {
  const auto* value = config.if_contains(key);
  const auto* token = value != nullptr ? value->if_int64() : nullptr;
  if (token == nullptr || *token < 0) throw Missing{key};
  return *token;
}

std::vector<Token> tokensOf(const json::object& config, std::string_view key) {
  std::vector<Token> tokens;
  const auto* value = config.if_contains(key);
  const auto* list = value != nullptr ? value->if_array() : nullptr;
  if (list == nullptr) return tokens;
  for (const auto& entry : *list) {
    const auto* token = entry.if_int64();
    if (token == nullptr) throw Missing{key};
    if (*token >= 0) tokens.push_back(*token);
  }
  return tokens;
}

const json::object* objectOf(const json::object& config, std::string_view key) {
  const auto* value = config.if_contains(key);
  return value != nullptr ? value->if_object() : nullptr;
}

WhisperRules read(const json::object& config) {
  WhisperRules rules;
  rules.start = tokenOf(config, "decoder_start_token_id");
  rules.end = tokenOf(config, "eos_token_id");
  rules.noTimestamps = tokenOf(config, "no_timestamps_token_id");
  rules.suppress = tokensOf(config, "suppress_tokens");
  rules.suppressFirst = tokensOf(config, "begin_suppress_tokens");
  if (config.contains("max_initial_timestamp_index")) {
    rules.latestBegin = tokenOf(config, "max_initial_timestamp_index");
  }
  if (const auto* languages = objectOf(config, "lang_to_id")) {
    for (const auto& [mark, id] : *languages) {
      // "<|en|>"
      std::string_view name = mark;
      if (!name.starts_with("<|") || !name.ends_with("|>")) throw Missing{"lang_to_id"};
      name.remove_prefix(2);
      name.remove_suffix(2);
      rules.languages[std::string(name)] = tokenOf(*languages, mark);
    }
  }
  if (const auto* tasks = objectOf(config, "task_to_id"); tasks && !rules.languages.empty()) {
    rules.transcribe = tokenOf(*tasks, "transcribe");
    rules.translate = tokenOf(*tasks, "translate");
  }
  return rules;
}

}  // namespace

Result<WhisperRules> readWhisperRules(std::string_view generationConfig) {
  boost::system::error_code error;
  const auto document = json::parse(generationConfig, error);
  const auto* config = error ? nullptr : document.if_object();
  if (config == nullptr) {
    return fail(ErrorCategory::InvalidModel, "generation_config.json is no JSON object");
  }
  try {
    return read(*config);
  } catch (const Missing& missing) {
    return fail(ErrorCategory::InvalidModel,
                fmt::format("generation_config.json has no usable \"{}\"", missing.key),
                "the task automatic-speech-recognition takes Whisper models");
  }
}

Result<json::object> whisperParameters(const WhisperRules& rules, const WhisperCall& call) {
  json::array then;
  json::array languages;
  if (!call.language.empty()) {
    const auto known = rules.languages.find(call.language);
    if (known != rules.languages.end()) {
      then.push_back(known->second);
    } else if (!rules.languages.empty() || call.language != "en") {
      std::string names = rules.languages.empty() ? "en" : "";
      for (const auto& [name, id] : rules.languages) names += (names.empty() ? "" : " ") + name;
      return fail(ErrorCategory::InvalidArgument,
                  fmt::format("the model knows no language '{}'", call.language),
                  "it knows " + names);
    }
  } else {
    for (const auto& [name, id] : rules.languages) languages.push_back(id);
  }
  if (call.translate && !rules.translate) {
    return fail(ErrorCategory::InvalidArgument, "the model knows English only: it can't translate",
                "leave the translation out");
  }
  if (rules.transcribe) then.push_back(call.translate ? *rules.translate : *rules.transcribe);
  return json::object{
      {"prompt", json::array{rules.start}},
      {"languages", std::move(languages)},
      {"then", std::move(then)},
      {"end", rules.end},
      {"suppress", json::value_from(rules.suppress)},
      {"suppress_first", json::value_from(rules.suppressFirst)},
      {"no_speech", rules.noSpeech()},
      {"timestamps",
       {{"first", rules.firstTimestamp()},
        {"none", rules.noTimestamps},
        {"latest_begin", rules.latestBegin}}},
      {"temperature", call.temperature},
      {"seed", call.seed},
  };
}

}  // namespace webpool::tasks
