// What the routes of OpenAI's protocol share. Inside src/api/openai only.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "api/front.h"
#include "api/openai/fields.h"

namespace webpool::api::openai {

using Shared = std::shared_ptr<Exchange>;

/// With OpenAI's own status: its clients take 501 for a failure that may pass.
net::Response errorForm(const Error& error, int status);

Error wrongTask(const ModelInfo& info, std::string_view wanted);

/// `kind`: "chatcmpl", "cmpl"
AnswerHead answerTo(const Exchange& exchange, std::string_view kind, const std::string& model);

/// Chat completions and completions.
void addGenerationRoutes(Front& front, ServedModels& models);
/// Transcriptions.
void addAudioRoutes(Front& front, ServedModels& models);

}  // namespace webpool::api::openai
