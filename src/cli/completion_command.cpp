#include <fmt/format.h>
#include <fmt/ranges.h>
#include <CLI/CLI.hpp>

#include <cstdio>
#include <map>

#include "browsers/browser.h"
#include "cli/app.h"
#include "cli/exit_code.h"
#include "pool/task.h"

namespace webpool::cli {
namespace {

/// What can stand where a value is due.
struct Values {
  std::vector<std::string> words;
  std::string_view models;  ///< "all" or "here": names that `webpool models list --names` gives
  bool files = false;
};

/// Of an option by its long name; any file for an option that is not listed here.
Values optionValues(std::string_view name) {
  if (name == "backend") return {{"auto", "wasm", "webgpu", "webnn"}, {}};
  if (name == "dtype") return {{"fp32", "fp16", "q8", "int8", "uint8", "q4", "q4f16", "bnb4"}, {}};
  if (name == "task") {
    Values values{{}, {}};
    for (const auto& task : pool::knownTasks()) values.words.emplace_back(task.name);
    return values;
  }
  if (name == "browser") {
    Values values{{"auto"}, {}};
    for (auto& known : browsers::BrowserFinder::knownNames()) {
      values.words.push_back(std::move(known));
    }
    return values;
  }
  if (name == "scope") return {{"block", "entity", "all"}, {}};
  if (name == "model") return {{}, "all", true};
  return {{}, {}, true};
}

/// Of a command's own arguments.
Values argumentValues(std::string_view command) {
  if (command == "completion") return {{"bash", "zsh", "fish"}, {}};
  if (command == "models add") return {{}, "all", true};
  if (command == "models show" || command == "models rm") return {{}, "here"};
  return {{}, {}, command == "run" || command == "content add" || command == "content import"};
}

struct Option {
  std::vector<std::string> longNames;   ///< without dashes
  std::vector<std::string> shortNames;  ///< the same
  bool takesValue = false;

  Values values() const { return optionValues(longNames.empty() ? "" : longNames[0]); }
};

struct Node {
  std::string path;  ///< "models add", empty for the root
  std::vector<std::string> commands;
  std::vector<Option> options;
};

void collect(const CLI::App& app, const std::string& path, std::vector<Node>& nodes) {
  Node node{path, {}, {}};
  for (const auto* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    node.commands.push_back(command->get_name());
    collect(*command, path.empty() ? command->get_name() : path + " " + command->get_name(), nodes);
  }
  for (const auto* option : app.get_options()) {
    if (option->get_group().empty() || option->get_positional()) continue;
    node.options.push_back(
        {option->get_lnames(), option->get_snames(), option->get_items_expected_max() > 0});
  }
  nodes.push_back(std::move(node));
}

/// Words of a bash string in double quotes; the program is called as the person called it.
std::string bashWords(const Values& values) {
  auto text = fmt::format("{}", fmt::join(values.words, " "));
  if (!values.models.empty()) {
    text +=
        fmt::format("$(\"${{COMP_WORDS[0]}}\" models list --names {} 2>/dev/null)", values.models);
  }
  return text;
}

/// "--model|-m) words="…" files=1 ;;" for each option that takes a value; a name means the same in
/// every command.
std::string bashOptionCases(const std::vector<Node>& nodes) {
  std::map<std::string, Values> all;
  for (const auto& node : nodes) {
    for (const auto& option : node.options) {
      if (!option.takesValue) continue;
      std::string pattern;
      for (const auto& name : option.longNames) pattern += "|--" + name;
      for (const auto& name : option.shortNames) pattern += "|-" + name;
      all.try_emplace(pattern.substr(1), option.values());
    }
  }
  std::string cases;
  for (const auto& [pattern, values] : all) {
    cases += fmt::format("    {}) words=\"{}\" files={} value=1 ;;\n", pattern, bashWords(values),
                         values.files ? 1 : 0);
  }
  return cases;
}

std::string bashCommandCases(const std::vector<Node>& nodes) {
  std::string cases;
  for (const auto& node : nodes) {
    auto words = node.commands;
    for (const auto& option : node.options) {
      for (const auto& name : option.longNames) words.push_back("--" + name);
    }
    const auto values = argumentValues(node.path);
    const auto more = bashWords(values);
    cases +=
        fmt::format("    '{}') words=\"{}{}{}\" files={} ;;\n", node.path, fmt::join(words, " "),
                    more.empty() ? "" : " ", more, values.files ? 1 : 0);
  }
  return cases;
}

// Only what bash 4 and zsh's bashcompinit both have (in zsh `path` is PATH, and compgen -W does not
// filter). `--option=value` comes as three words in bash.
std::string bashScript(const std::vector<Node>& nodes) {
  std::vector<std::string> known;
  for (const auto& node : nodes) {
    if (node.path.empty()) continue;
    // "$at $word" begins with a space at the top level.
    const bool top = node.path.find(' ') == std::string::npos;
    known.push_back(fmt::format("'{}{}'", top ? " " : "", node.path));
  }
  return fmt::format(R"sh(_webpool() {{
  local at= word= words= files=0 value=0 IFS=$' \t\n'
  local current="${{COMP_WORDS[COMP_CWORD]}}" previous="${{COMP_WORDS[COMP_CWORD-1]}}"
  if [[ $current == '=' ]]; then
    current=
  elif [[ $previous == '=' && $COMP_CWORD -gt 1 ]]; then
    previous="${{COMP_WORDS[COMP_CWORD-2]}}"
  fi
  for word in "${{COMP_WORDS[@]:1:$((COMP_CWORD-1))}}"; do
    case "$at $word" in
    {known}) at="${{at:+$at }}$word" ;;
    esac
  done
  case "$previous" in
{options}  esac
  if [[ $value == 0 ]]; then
    case "$at" in
{commands}    esac
  fi
  COMPREPLY=()
  for word in $words; do
    if [[ $word == "$current"* ]]; then COMPREPLY+=("$word"); fi
  done
  if [[ $files == 1 && ${{#COMPREPLY[@]}} == 0 ]]; then
    while IFS= read -r word; do
      if [[ -n $word ]]; then COMPREPLY+=("$word"); fi
    done <<< "$(compgen -f -- "$current")"
  fi
}}
complete -o filenames -F _webpool webpool
)sh",
                     fmt::arg("known", fmt::join(known, "|")),
                     fmt::arg("options", bashOptionCases(nodes)),
                     fmt::arg("commands", bashCommandCases(nodes)));
}

std::string fishWords(const Values& values) {
  auto text = fmt::format("{}", fmt::join(values.words, " "));
  if (!values.models.empty()) {
    text += fmt::format("(webpool models list --names {} 2>/dev/null)", values.models);
  }
  return text;
}

std::string fishScript(const std::vector<Node>& nodes) {
  std::string text = "complete -c webpool -f\n";
  for (const auto& node : nodes) {
    const auto space = node.path.find(' ');
    std::string condition = "__fish_use_subcommand";
    if (!node.path.empty()) {
      condition = "__fish_seen_subcommand_from " + node.path.substr(0, space);
      if (space != std::string::npos) {
        condition += "; and __fish_seen_subcommand_from " + node.path.substr(space + 1);
      } else if (!node.commands.empty()) {
        condition +=
            fmt::format("; and not __fish_seen_subcommand_from {}", fmt::join(node.commands, " "));
      }
    }
    const auto line = [&](const std::string& rest) {
      text += fmt::format("complete -c webpool -n '{}' {}\n", condition, rest);
    };
    for (const auto& command : node.commands) line("-a " + command);
    for (const auto& option : node.options) {
      std::string names;
      for (const auto& name : option.shortNames) names += " -s " + name;
      for (const auto& name : option.longNames) names += " -l " + name;
      if (option.takesValue) {
        const auto values = option.values();
        names += values.files ? " -r -F" : " -x";
        if (const auto words = fishWords(values); !words.empty()) names += " -a '" + words + "'";
      }
      line(names.substr(1));
    }
    const auto values = argumentValues(node.path);
    if (const auto words = fishWords(values); !words.empty()) line("-a '" + words + "'");
    if (values.files) line("-F");
  }
  return text;
}

}  // namespace

std::string completionScript(const CLI::App& app, const std::string& shell) {
  std::vector<Node> nodes;
  collect(app, "", nodes);
  if (shell == "bash") return bashScript(nodes);
  if (shell == "zsh") return "autoload -U +X bashcompinit && bashcompinit\n" + bashScript(nodes);
  if (shell == "fish") return fishScript(nodes);
  return {};
}

void addCompletionCommand(CLI::App& app, Context&, Action& action) {
  auto* command = app.add_subcommand("completion", "Print a completion script for your shell");
  auto shell = std::make_shared<std::string>();
  command->add_option("shell", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command->footer(
      "\nExample:\n  webpool completion bash > ~/.local/share/bash-completion/completions/webpool");
  command->callback([&app, &action, shell] {
    action = [&app, shell] {
      std::fputs(completionScript(app, *shell).c_str(), stdout);
      return 0;
    };
  });
}

}  // namespace webpool::cli
