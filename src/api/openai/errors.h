// Failures as OpenAI's clients know them: a status and {"error": {message, type, param, code}}.
#pragma once

#include <string>
#include <string_view>

#include "webpool/error.h"

namespace webpool::api::openai {

/// 400, 401, 404, 408, 429, 500, 503 or 507.
int statusOf(ErrorCategory category) noexcept;

/// What follows the name in the message about a parameter that is none.
inline constexpr std::string_view kNoSuchParameter = "there is no such parameter";

/// The parameter that an error is about, by its message ("temperature: …"); empty where none is
/// known.
std::string_view paramOf(const Error& error) noexcept;

/// The body; `code` is webpool's name of the category, `param` that of paramOf().
std::string errorBody(const Error& error);

}  // namespace webpool::api::openai
