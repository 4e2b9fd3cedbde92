// What the commands refuse and no type tells: names that are none, and settings that contradict
// each other. Pure.
#pragma once

#include "settings/values.h"

namespace webpool::cli {

/// InvalidArgument unless there is room between the shares at which workers come and go.
Result<void> checkScaling(double up, double down);

/// Addresses of servers, addresses to listen on, and times: what their commands would refuse as
/// well, or fail over later. InvalidArgument names where a wrong one came from.
Result<void> checkForms(const settings::Values& values);

/// `values`: of all settings, each of its type. InvalidArgument names where a wrong one came from.
Result<void> checkSettings(const settings::Values& values);

}  // namespace webpool::cli
