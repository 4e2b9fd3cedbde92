// Text Embeddings Inference as routes of the front: one model, which requests do not name.
#pragma once

#include "api/front.h"

namespace webpool::api::tei {

/// Both must outlive the requests.
void addRoutes(Front& front, ServedModels& models);

}  // namespace webpool::api::tei
