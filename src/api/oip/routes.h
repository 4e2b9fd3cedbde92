// The Open Inference Protocol v2 as routes of the front.
#pragma once

#include "api/front.h"

namespace webpool::api::oip {

/// Both must outlive the requests.
void addRoutes(Front& front, ServedModels& models);

}  // namespace webpool::api::oip
