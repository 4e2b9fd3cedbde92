#include "browsers/wrapper.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cctype>
#include <map>
#include <string>
#include <system_error>

#include "base/file.h"

namespace webpool::browsers {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kScriptLimit = 1 << 18;
constexpr int kDeepest = 4;

using Variables = std::map<std::string, std::string, std::less<>>;

bool isProgram(const fs::path& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
         ::access(path.c_str(), X_OK) == 0;
}

/// The text of a script; nullopt for anything else.
std::optional<std::string> scriptText(const fs::path& path) {
  const auto file = base::openFile(path, O_RDONLY);
  std::array<char, 2> start{};
  if (!file || ::read(file->get(), start.data(), start.size()) != 2) return std::nullopt;
  if (start != std::array{'#', '!'}) return std::nullopt;
  auto text = base::readFile(path, kScriptLimit);
  if (!text) return std::nullopt;
  return std::move(*text);
}

bool isNameCharacter(char character) {
  return character == '_' || std::isalnum(static_cast<unsigned char>(character)) != 0;
}

/// The first shell word of `text` with variables filled in; nullopt when it needs a shell (command
/// substitution, an unknown variable).
std::optional<std::string> firstWord(std::string_view text, const Variables& variables) {
  std::string word;
  char quote = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char character = text[i];
    if (quote == 0 && (std::isspace(static_cast<unsigned char>(character)) != 0 ||
                       character == ';' || character == '#')) {
      break;
    }
    if (character == '`') return std::nullopt;
    if (character == quote) {
      quote = 0;
    } else if (quote == 0 && (character == '"' || character == '\'')) {
      quote = character;
    } else if (character == '$' && quote != '\'') {
      const bool braces = text.substr(i + 1).starts_with('{');
      const auto start = i + (braces ? 2 : 1);
      auto end = start;
      while (end < text.size() && isNameCharacter(text[end])) ++end;
      const auto found = variables.find(text.substr(start, end - start));
      if (found == variables.end()) return std::nullopt;
      if (braces && !text.substr(end).starts_with('}')) return std::nullopt;
      word += found->second;
      i = braces ? end : end - 1;
    } else {
      word += character;
    }
  }
  return word;
}

/// As a word of its own: "exec firefox-esr", "$HERE/firefox-esr".
bool mentions(std::string_view text, std::string_view name) {
  const auto ofAWord = [](char character) {
    return isNameCharacter(character) || character == '-';
  };
  for (auto at = text.find(name); at != std::string_view::npos; at = text.find(name, at + 1)) {
    const auto after = at + name.size();
    if (at > 0 && ofAWord(text[at - 1])) continue;
    if (after < text.size() && ofAWord(text[after])) continue;
    return true;
  }
  return false;
}

std::string_view trimmed(std::string_view line) {
  const auto start = line.find_first_not_of(" \t");
  return start == std::string_view::npos ? std::string_view() : line.substr(start);
}

/// "NAME=value", with or without export.
void learn(std::string_view line, Variables& variables) {
  if (line.starts_with("export ")) line = trimmed(line.substr(7));
  std::size_t length = 0;
  while (length < line.size() && isNameCharacter(line[length])) ++length;
  if (length == 0 || length >= line.size() || line[length] != '=') return;
  if (auto value = firstWord(line.substr(length + 1), variables)) {
    variables.insert_or_assign(std::string(line.substr(0, length)), std::move(*value));
  }
}

std::optional<fs::path> execTarget(std::string_view line, const Variables& variables) {
  if (!line.starts_with("exec ")) return std::nullopt;
  line = trimmed(line.substr(5));
  if (line.starts_with("-a ")) {  // exec -a NAME PROGRAM
    line = trimmed(line.substr(3));
    const auto nameEnd = line.find(' ');
    if (nameEnd == std::string_view::npos) return std::nullopt;
    line = trimmed(line.substr(nameEnd));
  }
  const auto word = firstWord(line, variables);
  if (!word || !word->starts_with('/')) return std::nullopt;
  return fs::path(*word);
}

std::optional<fs::path> targetOfScript(const Environment& environment, std::string_view text) {
  Variables variables;
  while (!text.empty()) {
    const auto end = text.find('\n');
    const auto line = trimmed(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    learn(line, variables);
    if (const auto target = execTarget(line, variables)) {
      auto program = environment.at(*target);
      if (isProgram(program)) return program;
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<fs::path> resolveProgram(const Environment& environment, const fs::path& path,
                                       std::span<const std::string_view> realNames) {
  std::error_code error;
  auto program = fs::canonical(path, error);
  if (error || !isProgram(program)) return std::nullopt;
  for (int depth = 0; depth < kDeepest; ++depth) {
    const auto text = scriptText(program);
    if (!text) return program;
    auto next = targetOfScript(environment, *text);
    for (const auto name : realNames) {
      // Only what it names: a script that starts another browser lies in the same folder.
      const auto beside = program.parent_path() / name;
      if (!next && mentions(*text, name) && beside != program && isProgram(beside)) next = beside;
    }
    if (!next) return program;
    program = fs::canonical(*next, error);
  }
  return program;
}

}  // namespace webpool::browsers
