#include "api/openai/transcription.h"

#include <fmt/format.h>

#include <array>
#include <boost/json.hpp>
#include <charconv>
#include <cmath>
#include <utility>

#include "api/openai/errors.h"
#include "api/openai/fields.h"
#include "api/openai/multipart.h"
#include "api/openai/transcript_text.h"

namespace webpool::api::openai {
namespace {

namespace json = boost::json;

constexpr std::array<std::pair<std::string_view, TranscriptForm>, 5> kForms{
    {{"json", TranscriptForm::Json},
     {"text", TranscriptForm::Text},
     {"srt", TranscriptForm::SubRip},
     {"verbose_json", TranscriptForm::VerboseJson},
     {"vtt", TranscriptForm::WebVtt}}};

std::unexpected<Error> unsupported(std::string message, std::string hint = {}) {
  return fail(ErrorCategory::Unsupported, std::move(message), std::move(hint));
}

Result<void> readForm(std::string_view name, TranscriptionRequest& request) {
  for (const auto& [known, form] : kForms) {
    if (name != known) continue;
    request.form = form;
    return {};
  }
  return wrong("response_format: none of json, text, srt, verbose_json, vtt");
}

Result<void> readGranularity(std::string_view value) {
  if (value == "segment") return {};
  if (value != "word") return wrong("timestamp_granularities: neither segment nor word");
  return unsupported("timestamp_granularities: times of words are not told", "ask for \"segment\"");
}

/// Only 0, with which chance is taken only where an answer is not to be trusted.
Result<void> readTemperature(std::string_view text) {
  double value = 0;
  const auto* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value);
  if (read.ec != std::errc{} || read.ptr != end || !(value >= 0 && value <= 1)) {
    return wrong("temperature: no number from 0 to 1");
  }
  if (value > 0) return unsupported("temperature: only 0");
  return {};
}

Result<void> readField(const FormPart& part, TranscriptionRequest& request) {
  if (part.name == "file") {
    request.file = part.data;
  } else if (part.name == "model") {
    request.model = part.data;
  } else if (part.name == "language") {
    request.language = part.data;
  } else if (part.name == "response_format") {
    return readForm(part.data, request);
  } else if (part.name == "timestamp_granularities[]" || part.name == "timestamp_granularities") {
    return readGranularity(part.data);
  } else if (part.name == "temperature") {
    return readTemperature(part.data);
  } else if (part.name == "prompt" && !part.data.empty()) {
    return unsupported("prompt: nothing can be said before the sound");
  } else if (part.name == "stream" && part.data != "false" && part.data != "False") {
    return unsupported("stream: a transcript is given as a whole");
  } else if (part.name != "prompt" && part.name != "stream") {
    return wrong(fmt::format("{}: {}", part.name, kNoSuchParameter));
  }
  return {};
}

json::object verbose(const Transcript& transcript, double seconds) {
  json::array segments;
  for (const auto& [start, end, text] : transcript.segments) {
    const auto id = segments.size();
    segments.push_back({{"id", id}, {"start", start}, {"end", end}, {"text", text}});
  }
  return {{"task", "transcribe"},
          {"language", transcript.language},
          {"duration", seconds},
          {"text", transcript.text},
          {"segments", std::move(segments)}};
}

}  // namespace

Result<TranscriptionRequest> parseTranscription(std::string_view contentType,
                                                std::string_view body) {
  const auto parts = parseForm(contentType, body);
  if (!parts) return std::unexpected(parts.error());
  TranscriptionRequest request;
  bool hasFile = false;
  for (const auto& part : *parts) {
    hasFile = hasFile || part.name == "file";
    if (auto fits = readField(part, request); !fits) return std::unexpected(fits.error());
  }
  if (request.model.empty()) return wrong("model: missing");
  if (!hasFile) return wrong("file: missing");
  return request;
}

std::string_view contentTypeOf(TranscriptForm form) noexcept {
  switch (form) {
    case TranscriptForm::Json:
    case TranscriptForm::VerboseJson:
      return "application/json";
    case TranscriptForm::WebVtt:
      return "text/vtt; charset=utf-8";
    case TranscriptForm::Text:
    case TranscriptForm::SubRip:
      break;
  }
  return "text/plain; charset=utf-8";
}

std::string transcriptBody(TranscriptForm form, const Transcript& transcript, double seconds) {
  switch (form) {
    case TranscriptForm::Text:
      return transcript.text + "\n";
    case TranscriptForm::SubRip:
      return subRip(transcript);
    case TranscriptForm::WebVtt:
      return webVtt(transcript);
    case TranscriptForm::Json:
    case TranscriptForm::VerboseJson:
      break;
  }
  auto body = form == TranscriptForm::Json ? json::object{{"text", transcript.text}}
                                           : verbose(transcript, seconds);
  body["usage"] = json::object{{"type", "duration"}, {"seconds", std::ceil(seconds)}};
  return json::serialize(body);
}

}  // namespace webpool::api::openai
