#include "webpool/generation.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <utility>

#include "tasks/chat.h"

namespace webpool {
namespace {

constexpr std::string_view kTask = "text-generation";

/// Between the pool's thread, which brings parts, and the caller's, which takes them when it can:
/// what waits is one text, and never more than the answer.
class Mailbox {
 public:
  void add(const PartialAnswer& part) {
    {
      const std::lock_guard lock(mutex_);
      text_ += part.text;
    }
    changed_.notify_one();
  }

  void finish(Result<Inference> result) {
    {
      const std::lock_guard lock(mutex_);
      result_.emplace(std::move(result));
    }
    changed_.notify_one();
  }

  /// The result, once all text was handed to `onText`; `all` is that text.
  Result<Inference> drain(const std::function<void(std::string_view)>& onText, std::string& all) {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [this] { return result_.has_value() || !text_.empty(); });
      if (text_.empty()) return std::move(*result_);
      const auto text = std::exchange(text_, {});
      lock.unlock();
      all += text;
      if (onText) onText(text);
      lock.lock();
    }
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string text_;
  std::optional<Result<Inference>> result_;
};

}  // namespace

std::string_view finishReasonName(FinishReason reason) noexcept {
  switch (reason) {
    case FinishReason::Stop:
      return "stop";
    case FinishReason::Length:
      return "length";
    case FinishReason::ToolCalls:
      return "tool_calls";
    case FinishReason::Cancelled:
      return "cancelled";
  }
  return "stop";
}

Result<Generation> generate(const Model& model, const std::vector<Message>& messages,
                            const GenerationOptions& generation, const RunOptions& options,
                            const std::function<void(std::string_view)>& onText) {
  const auto& info = model.info();
  if (info.task != kTask) {
    return fail(ErrorCategory::InvalidArgument,
                fmt::format("{} was loaded for {}, not for {}", info.name, info.task, kTask),
                fmt::format("load it with task \"{}\"", kTask));
  }
  auto input = tasks::messagesTensor(messages);
  if (!input) return std::unexpected(input.error());
  auto parameters = tasks::chatParameters(generation);
  if (!parameters) return std::unexpected(parameters.error());
  if (info.language) {
    if (auto fits = tasks::checkLength(messages, *info.language); !fits) {
      return std::unexpected(fits.error());
    }
  }
  const auto mailbox = std::make_shared<Mailbox>();
  auto run = options;
  run.parameters = boost::json::serialize(*parameters);
  if (!generation.conversation.empty()) run.conversation = generation.conversation;
  run.onPartial = [mailbox](const PartialAnswer& part) { mailbox->add(part); };
  model.runAsync({std::move(*input)}, run,
                 [mailbox](Result<Inference> result) { mailbox->finish(std::move(result)); });
  Generation answer;
  std::string text;
  auto result = mailbox->drain(onText, text);
  if (!result) {
    const bool gaveUp =
        result.error().category == ErrorCategory::Cancelled && options.stop.stop_requested();
    if (!gaveUp) return std::unexpected(result.error());
    answer.finish = FinishReason::Cancelled;
    answer.text = std::move(text);
    if (!answer.text.empty()) answer.ranOn = info.ranOn;  // else it may never have begun
    return answer;
  }
  if (auto read = tasks::readAnswer(*result, answer); !read) return std::unexpected(read.error());
  return answer;
}

}  // namespace webpool
