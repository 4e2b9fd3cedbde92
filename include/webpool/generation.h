// Text that a language model writes: answers in a conversation, as they come.
//
//   auto model = (*pool)->load("smollm2-135m");
//   auto answer = webpool::generate(*model, {{"user", "What is the capital of France?"}});
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "webpool/model.h"

namespace webpool {

/// A call of a function that the model was offered.
struct ToolCall {
  std::string id;
  std::string name;
  std::string arguments;  ///< JSON, as the model wrote it

  bool operator==(const ToolCall&) const = default;
};

struct Message {
  std::string role;                   ///< "system", "user", "assistant" or "tool"
  std::string content;                ///< UTF-8
  std::vector<ToolCall> toolCalls{};  ///< of an assistant
  std::string toolCallId{};           ///< of a tool: the call that this is the result of

  bool operator==(const Message&) const = default;
};

/// A function that the model may call.
struct Tool {
  std::string name;
  std::string description{};
  std::string parameters{};  ///< a JSON schema of its arguments; empty: it takes none
};

enum class ToolChoice { Auto, None, Required };

struct GenerationOptions {
  unsigned maxTokens = 512;      ///< of the answer; the context may end it before
  double temperature = 0;        ///< 0: always the likeliest token, so that answers repeat
  std::optional<double> topP{};  ///< unset: llama.cpp's own default, as for topK
  std::optional<unsigned> topK{};
  std::optional<std::uint32_t> seed{};  ///< unset: another one each time
  std::vector<std::string> stop{};      ///< texts that end the answer, and are no part of it
  std::vector<Tool> tools{};
  ToolChoice toolChoice = ToolChoice::Auto;
  /// Names the conversation that this is a part of: it goes to the worker that served it last,
  /// which computes only what is new in it. Without a name nothing is taken over from an earlier
  /// call.
  std::string conversation{};
  /// The one message, of role "user", is the prompt as it stands: the model goes on with it, and
  /// its chat template is not used. No tools then.
  bool raw = false;
  bool tokenIds = false;  ///< also give the tokens as numbers, which costs some time a token
};

enum class FinishReason {
  Stop,       ///< the model ended, or wrote a text of `stop`
  Length,     ///< maxTokens or the context
  ToolCalls,  ///< it calls tools
  Cancelled,  ///< the caller gave up; the text is what there was
};

/// "stop", "length", "tool_calls", "cancelled"
std::string_view finishReasonName(FinishReason reason) noexcept;

struct Generation {
  std::string text;
  std::vector<ToolCall> toolCalls;
  FinishReason finish = FinishReason::Stop;
  std::vector<std::int64_t> tokens;   ///< of the text; empty unless GenerationOptions::tokenIds
  std::uint64_t promptTokens = 0;     ///< of the whole conversation
  std::uint64_t cachedTokens = 0;     ///< of those, the ones that were not computed anew
  std::uint64_t generatedTokens = 0;  ///< what ended the answer included
  double promptMs = 0;                ///< to compute what was new in the prompt
  double decodeMs = 0;                ///< to compute the answer
  RunTimings timings;
  RanOn ranOn;

  /// Of the answer; 0 where nothing was measured.
  double tokensPerSecond() const {
    return decodeMs > 0 ? 1000.0 * static_cast<double>(generatedTokens) / decodeMs : 0;
  }
};

/// Answers the conversation with a model of task "text-generation". Blocks; thread-safe. `onText`
/// is called on the calling thread for what is new in the answer, whole characters of UTF-8 each
/// time; it may take its time: what comes meanwhile is handed over as one text, so that no more
/// than the answer is ever kept. When a stop is requested the answer ends within a token, and what
/// there is of it is the result (Cancelled). Errors: InvalidArgument for another task, a
/// temperature or role that is none; InvalidInput for a conversation that is not UTF-8 or longer
/// than the context, and for tools that are none or have no JSON schema; WorkerLost where the
/// browser died under an answer that had begun; and those of Model::run().
Result<Generation> generate(const Model& model, const std::vector<Message>& messages,
                            const GenerationOptions& generation = {},
                            const RunOptions& options = {},
                            const std::function<void(std::string_view)>& onText = {});

}  // namespace webpool
