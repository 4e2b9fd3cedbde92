// POST /v1/audio/transcriptions between its form and the pool's types. Pure.
#pragma once

#include <string>
#include <string_view>

#include "webpool/speech.h"

namespace webpool::api::openai {

enum class TranscriptForm { Json, Text, SubRip, VerboseJson, WebVtt };

struct TranscriptionRequest {
  std::string model;
  std::string_view file;  ///< a part of the body
  std::string language;   ///< empty: told by the model
  TranscriptForm form = TranscriptForm::Json;
};

/// `contentType` is the request's header. InvalidArgument, with the field in the message, for what
/// is no such request; Unsupported for times of words, a prompt, a temperature and streaming.
Result<TranscriptionRequest> parseTranscription(std::string_view contentType,
                                                std::string_view body);

std::string_view contentTypeOf(TranscriptForm form) noexcept;
/// `seconds` of sound. Verbose JSON has those fields of a segment that are known here.
std::string transcriptBody(TranscriptForm form, const Transcript& transcript, double seconds);

}  // namespace webpool::api::openai
