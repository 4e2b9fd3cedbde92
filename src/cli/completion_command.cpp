#include <fmt/format.h>
#include <fmt/ranges.h>
#include <CLI/CLI.hpp>

#include <cstdio>

#include "cli/app.h"
#include "cli/exit_code.h"

namespace webpool::cli {
namespace {

struct Node {
  std::string path;  ///< "models add", empty for the root
  std::vector<std::string> words;
};

void collect(const CLI::App& app, const std::string& path, std::vector<Node>& nodes) {
  Node node{path, {}};
  for (const auto* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    node.words.push_back(command->get_name());
    collect(*command, path.empty() ? command->get_name() : path + " " + command->get_name(), nodes);
  }
  for (const auto* option : app.get_options()) {
    for (const auto& name : option->get_lnames()) node.words.push_back("--" + name);
  }
  nodes.push_back(std::move(node));
}

std::string bashScript(const std::vector<Node>& nodes) {
  std::string cases;
  for (const auto& node : nodes) {
    cases += fmt::format("    '{}') words='{}' ;;\n", node.path, fmt::join(node.words, " "));
  }
  return fmt::format(R"(_webpool() {{
  local path= word words=
  for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
    case "$word" in -*) ;; *) case "$path $word" in{known}) path="${{path:+$path }}$word" ;; esac ;; esac
  done
  case "$path" in
{cases}  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}")
  [ ${{#COMPREPLY[@]}} -gt 0 ] || mapfile -t COMPREPLY < <(compgen -f -- "${{COMP_WORDS[COMP_CWORD]}}")
}}
complete -o filenames -F _webpool webpool
)",
                     fmt::arg("cases", cases), fmt::arg("known", [&] {
                       std::vector<std::string> known;
                       for (const auto& node : nodes) {
                         if (node.path.empty()) continue;
                         // "$path $word" begins with a space at the top level.
                         const bool top = node.path.find(' ') == std::string::npos;
                         known.push_back(fmt::format(" '{}{}'", top ? " " : "", node.path));
                       }
                       return fmt::format("{}", fmt::join(known, "|"));
                     }()));
}

std::string fishScript(const std::vector<Node>& nodes) {
  std::string text = "complete -c webpool -f\n";
  for (const auto& node : nodes) {
    const auto space = node.path.rfind(' ');
    const auto last = space == std::string::npos ? node.path : node.path.substr(space + 1);
    const auto condition = node.path.empty() ? std::string("__fish_use_subcommand")
                                             : "__fish_seen_subcommand_from " + last;
    for (const auto& word : node.words) {
      text += word.starts_with("--")
                  ? fmt::format("complete -c webpool -n '{}' -l {}\n", condition, word.substr(2))
                  : fmt::format("complete -c webpool -n '{}' -a {}\n", condition, word);
    }
  }
  return text + "complete -c webpool -n '__fish_seen_subcommand_from run add' -F\n";
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
