// Between the wire's values and those of the public headers.
#pragma once

#include "webpool/pool.h"
#include "wire/messages.h"
#include "wire/values.h"

namespace webpool::pool {

/// `browser` and `version` are what the pool launched; the page's own words where they are empty.
BrowserCapabilities toPublic(const wire::Capabilities& capabilities, const std::string& browser,
                             const std::string& version);

/// What is no text or token in it is left out.
PartialAnswer toPublic(const wire::Partial& partial);

/// Not for Backend::Auto.
wire::Backend toWire(Backend backend);

}  // namespace webpool::pool
