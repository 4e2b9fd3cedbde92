// A transcript as subtitles. Pure.
#pragma once

#include <string>

#include "webpool/speech.h"

namespace webpool::api::openai {

std::string subRip(const Transcript& transcript);  ///< response_format "srt"
std::string webVtt(const Transcript& transcript);  ///< response_format "vtt"

}  // namespace webpool::api::openai
