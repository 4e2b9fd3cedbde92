// What webpool.toml and the environment say becomes the default of the option of the same name, so
// that the option's own checks hold and a flag is stronger.
#pragma once

#include <string>

#include "cli/app.h"
#include "settings/values.h"

namespace webpool::cli {

/// Of `--config FILE` or `--config=FILE` before any "--"; empty for none.
std::string configFileOf(int argc, char** argv);

/// File and environment, the stronger one of each setting. NotFound for a --config that is not
/// there.
Result<settings::Values> givenSettings(const Context& context);

/// Every command that the app has by now takes its settings when it is the one that is parsed.
/// Wrong ones are a CLI::ParseError that says where they stand.
void takeSettings(CLI::App& app, Context& context);

}  // namespace webpool::cli
