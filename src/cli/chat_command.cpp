#include <fmt/format.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <boost/json.hpp>
#include <cstdio>
#include <iostream>
#include <limits>
#include <string>

#include "base/random.h"
#include "cli/app.h"
#include "cli/chat_input.h"
#include "cli/exit_code.h"
#include "cli/generation_flags.h"
#include "cli/generation_output.h"
#include "cli/record_flags.h"
#include "cli/report.h"
#include "cli/server_flags.h"
#include "cli/terminal.h"
#include "webpool/pool.h"

namespace webpool::cli {
namespace {

namespace json = boost::json;

constexpr const char* kHelp = R"(/help           this
/system TEXT    begin anew, with TEXT as what the model is told first
/reset          begin anew
Ctrl-C ends an answer; Ctrl-C at the prompt, or Ctrl-D, ends the program.
)";

struct ChatFlags {
  BrowserFlags browser;
  ServerFlags server;
  GenerationFlags generation;
  std::string model = "smollm2-135m";
  std::string backend = "auto";
  std::string dtype;
  unsigned context = 0;
  bool json = false;
};

class Chat {
 public:
  Chat(const ChatFlags& flags, const Context& context, Model model)
      : flags_(flags), context_(context), model_(std::move(model)) {
    begin(flags.generation.system);
  }

  int run() {
    ChatInput input(context_);
    if (input.isTerminal() && !flags_.json) {
      std::printf("%s, %s\n/help lists what else can be said.\n", model_.info().name.c_str(),
                  ranOnText(model_.info().ranOn).c_str());
    }
    while (const auto line = input.next(flags_.json ? "" : "> ")) {
      if (line->empty()) continue;
      if (line->front() == '/') {
        command(*line);
      } else if (const int code = answer(*line, input); code != 0) {
        return code;
      }
    }
    if (input.isTerminal() && !flags_.json) std::printf("\n");
    return context_.stop.stop_requested() && !input.isTerminal()
               ? reportError({ErrorCategory::Cancelled, "interrupted", ""})
               : 0;
  }

 private:
  void begin(const std::string& system) {
    system_ = system;
    messages_.clear();
    if (!system.empty()) messages_.push_back({"system", system});
    conversation_ = base::randomHex(base::systemRandom(), 8);
  }

  void command(const std::string& line) {
    constexpr std::string_view kSystem = "/system ";
    std::string said;
    if (line == "/help") {
      said = kHelp;
    } else if (line == "/reset") {
      begin(system_);
      said = "a new conversation\n";
    } else if (line.starts_with(kSystem)) {
      begin(line.substr(kSystem.size()));
      said = "a new conversation\n";
    } else {
      said = fmt::format("{} is no command; /help lists them\n", line);
    }
    // What is said about the conversation is none of it.
    std::fputs(said.c_str(), flags_.json ? stderr : stdout);
    std::fflush(stdout);
  }

  int answer(const std::string& line, ChatInput& input) {
    messages_.push_back({"user", line});
    auto generation = flags_.generation.options();
    generation.conversation = conversation_;
    auto said = generate(model_, messages_, generation, {.stop = input.answering()},
                         [this](std::string_view text) {
                           if (flags_.json) return;
                           std::fwrite(text.data(), 1, text.size(), stdout);
                           std::fflush(stdout);
                         });
    input.answered();
    if (!said) {
      messages_.pop_back();
      const int code = reportError(said.error());
      // What was wrong with this message need not be with the next.
      return said.error().category == ErrorCategory::InvalidInput && input.isTerminal() ? 0 : code;
    }
    messages_.push_back({"assistant", said->text, said->toolCalls});
    if (flags_.json) {
      auto object = cli::toJson(*said);
      object["ran_on"] = cli::toJson(said->ranOn);
      std::printf("%s\n", json::serialize(object).c_str());
    } else {
      std::printf(said->finish == FinishReason::Cancelled ? " …\n\n" : "\n\n");
    }
    std::fflush(stdout);
    return 0;
  }

  const ChatFlags& flags_;
  const Context& context_;
  Model model_;
  std::string system_;
  std::string conversation_;
  std::vector<Message> messages_;
};

int chat(const ChatFlags& flags, const Context& context) {
  if (auto known = base::checkFolders(context.paths); !known) return reportError(known.error());
  const auto backend = backendFromName(flags.backend);
  if (!backend) return reportError(backend.error());
  ProgressLine progress(context.quiet);
  const auto note = [&progress](const std::string& text) { progress.note("note: " + text); };
  auto poolOptions = flags.browser.poolOptions(context, note);
  if (!poolOptions) return reportError(poolOptions.error());
  if (auto set = flags.server.setIn(*poolOptions); !set) return reportError(set.error());
  const KeptRecord record(flags.server.url.empty() ? flags.browser.dbPath : "", note);
  record.watch(*poolOptions);
  auto pool = ResourcePool::open(std::move(*poolOptions));
  if (!pool) return reportError(pool.error());
  auto model = (*pool)->load(flags.model, {.task = "text-generation",
                                           .backend = *backend,
                                           .browser = flags.server.browserOf(flags.browser),
                                           .dtype = flags.dtype,
                                           .context = flags.context,
                                           .progress = progress.callback(),
                                           .stop = context.stop});
  progress.clear();
  if (!model) return reportError(model.error());
  return Chat(flags, context, std::move(*model)).run();
}

}  // namespace

void addChatCommand(CLI::App& app, Context& context, Action& action) {
  auto flags = std::make_shared<ChatFlags>();
  auto* command = app.add_subcommand("chat", "Talk with a language model in a browser");
  command->add_option("-m,--model", flags->model, "A name, a .gguf file or a model folder")
      ->capture_default_str();
  command->add_option("--backend", flags->backend, "auto, wasm or webgpu")->capture_default_str();
  command->add_option("--dtype", flags->dtype, "Of several quantisations, the one to take");
  command
      ->add_option("--context", flags->context,
                   "Tokens of a conversation at most (default: the model's, up to 4096)")
      ->check(CLI::Range(1u, std::numeric_limits<unsigned>::max()));
  flags->generation.addTo(*command);
  command->add_flag("--json", flags->json, "Print one JSON object an answer, a line each");
  flags->browser.addTo(*command);
  flags->server.addTo(*command);
  command->footer(R"(
In a terminal, Ctrl-C ends the answer; Ctrl-C at the prompt or Ctrl-D ends the program. Else each
line of standard input is answered, and the conversation goes on from line to line.

Examples:
  webpool chat
  webpool chat --url http://127.0.0.1:8080
  webpool chat --system "Answer in one sentence." --temperature 0.7
  printf 'What is the capital of France?\nAnd of Spain?\n' | webpool chat --json)");
  command->callback(
      [flags, &context, &action] { action = [flags, &context] { return chat(*flags, context); }; });
}

}  // namespace webpool::cli
