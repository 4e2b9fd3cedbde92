// The next step after a failure.
#pragma once

#include <string>

#include "webpool/error.h"

namespace webpool::bridge {

/// The error's own hint, else what its category tells. Never empty.
std::string nextStep(const Error& error);

}  // namespace webpool::bridge
