// The endpoints that OpenAI's clients ask: embeddings, chat completions, models.
#pragma once

#include "api/front.h"

namespace webpool::api::openai {

/// Both must outlive the requests.
void addRoutes(Front& front, ServedModels& models);

}  // namespace webpool::api::openai
