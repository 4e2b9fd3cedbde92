#include "cli/run_inputs.h"

#include <fmt/format.h>
#include <unistd.h>

#include <iostream>
#include <iterator>

#include "base/file.h"
#include "pool/texts.h"

namespace webpool::cli {
namespace {

constexpr std::uint64_t kLargestFile = std::uint64_t{4} << 30;

/// One text a line; an empty last line is none.
std::vector<std::string> readLines(std::istream& in) {
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    lines.push_back(line);
  }
  return lines;
}

}  // namespace

Result<void> refuseTensors(const RunFlags& flags, const ModelDescription& description,
                           std::string_view takes, std::string_view arguments) {
  if (flags.inputs.empty()) return {};
  return fail(ErrorCategory::InvalidArgument,
              fmt::format("the task {} takes {}, not tensors", description.task, takes),
              fmt::format("give the {} as arguments, or --task tensors", arguments));
}

Result<void> refuseOutputs(const RunFlags& flags, const ModelDescription& description,
                           std::string_view gives) {
  if (flags.outputs.empty()) return {};
  return fail(ErrorCategory::InvalidArgument,
              fmt::format("--outputs writes tensors, and {} gives {}", description.task, gives),
              "use --json");
}

Result<std::vector<std::string>> readTexts(const RunFlags& flags) {
  auto texts = flags.arguments;
  if (texts.empty() || texts == std::vector<std::string>{"-"}) {
    if (flags.arguments.empty() && ::isatty(STDIN_FILENO) != 0) {
      return fail(ErrorCategory::InvalidArgument, "no text given",
                  "give sentences as arguments, or one a line on standard input");
    }
    texts = readLines(std::cin);
  }
  if (texts.empty()) {
    return fail(ErrorCategory::InvalidArgument, "no text given", "standard input was empty");
  }
  if (auto checked = pool::checkTexts(texts); !checked) return std::unexpected(checked.error());
  return texts;
}

Result<std::vector<NamedBytes>> readFiles(const RunFlags& flags, std::string_view kind,
                                          std::string_view formats) {
  if (flags.arguments.empty()) {
    return fail(ErrorCategory::InvalidArgument, fmt::format("no {} given", kind),
                fmt::format("give {} files as arguments; - is standard input", formats));
  }
  std::vector<NamedBytes> files;
  for (const auto& path : flags.arguments) {
    if (path == "-") {
      files.push_back(
          {"standard input", std::string(std::istreambuf_iterator<char>(std::cin), {})});
      continue;
    }
    auto bytes = base::readInput(path, kLargestFile, true);
    if (!bytes) return std::unexpected(bytes.error());
    files.push_back({path, std::move(*bytes)});
  }
  return files;
}

}  // namespace webpool::cli
