// Wrong words on the command line, named before anything else is said about it: CLI11 speaks of
// what is missing first, and of a mistyped option not at all.
#pragma once

#include <optional>
#include <string_view>

namespace CLI {
class App;
class ParseError;
}  // namespace CLI

namespace webpool::cli {

/// The word that stands where a command is due, if it is none. Before parsing.
std::optional<std::string_view> unknownCommand(const CLI::App& app, int argc, char** argv);

/// Prints what was wrong (or the help or version that was asked for); returns the exit code.
int reportParseError(const CLI::App& app, const CLI::ParseError& error);

}  // namespace webpool::cli
