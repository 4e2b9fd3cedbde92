// Failures as OpenAI's clients know them: a status and {"error": {message, type, param, code}}.
#pragma once

#include <string>
#include <string_view>

#include "webpool/error.h"

namespace webpool::api::openai {

/// 400, 401, 404, 408, 429, 500 or 503.
int statusOf(ErrorCategory category) noexcept;

/// The body; `code` is webpool's name of the category, `param` null where empty.
std::string errorBody(const Error& error, std::string_view param = {});

}  // namespace webpool::api::openai
