#include "pipelines/generation_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>
#include <limits>
#include <utility>

namespace webpool::pipelines {
namespace {

namespace json = boost::json;

constexpr auto kExample = R"({"role": "user", "content": "a text"})";
constexpr auto kToolExample =
    R"({"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}})";

std::unexpected<Error> wrong(std::string message, std::string hint) {
  return fail(ErrorCategory::InvalidArgument, std::move(message), std::move(hint));
}

Result<std::string> contentOf(const json::object& message) {
  const auto* content = given(message, "content");
  if (content == nullptr) return std::string{};
  if (const auto* text = content->if_string()) return std::string(*text);
  const auto* parts = content->if_array();
  if (parts == nullptr) {
    return wrong("messages: content is neither a text nor a list of parts", kExample);
  }
  std::string all;
  for (const auto& part : *parts) {
    const auto* object = part.if_object();
    const auto* text = object == nullptr ? nullptr : object->if_contains("text");
    if (text == nullptr || !text->is_string()) {
      return fail(ErrorCategory::Unsupported, "messages: content that is no text can't be taken",
                  R"(a part is {"type": "text", "text": "a text"})");
    }
    all += std::string_view(text->get_string());
  }
  return all;
}

/// The "function" of a tool, or of a call of one; null where there is none.
const json::object* functionOf(const json::value& value) {
  const auto* one = value.if_object();
  const auto* function = one == nullptr ? nullptr : one->if_contains("function");
  return function == nullptr ? nullptr : function->if_object();
}

/// The named tool must be called: no other is offered.
Result<void> chooseTool(const json::value& choice, GenerationOptions& options) {
  constexpr auto kChoice = R"({"type": "function", "function": {"name": "f"}})";
  const auto* function = functionOf(choice);
  const auto name = function == nullptr ? std::string() : textOf(*function, "name");
  if (name.empty()) return wrong("tool_choice: it names no function", kChoice);
  const auto chosen = std::ranges::find(options.tools, name, &Tool::name);
  if (chosen == options.tools.end()) {
    return wrong(fmt::format("tool_choice: there is no tool '{}' among the tools", name), kChoice);
  }
  options.tools = {Tool(*chosen)};
  options.toolChoice = ToolChoice::Required;
  return {};
}

}  // namespace

const json::value* given(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value == nullptr || value->is_null() ? nullptr : value;
}

std::string textOf(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  const auto* text = value == nullptr ? nullptr : value->if_string();
  return text == nullptr ? std::string{} : std::string(*text);
}

Result<std::optional<double>> numberOf(const json::object& object, std::string_view name,
                                       double least, double most) {
  const auto* value = given(object, name);
  if (value == nullptr) return std::nullopt;
  boost::system::error_code error;
  const auto read = value->to_number<double>(error);
  if (error || !(read >= least && read <= most)) {
    return wrong(fmt::format("{}: no number from {} to {}", name, least, most),
                 fmt::format("give {} a number from {} to {}, or leave it out", name, least, most));
  }
  return read;
}

Result<std::optional<double>> wholeNumberOf(const json::object& object, std::string_view name,
                                            double least, double most) {
  auto number = numberOf(object, name, least, most);
  if (!number || !*number || **number == std::floor(**number)) return number;
  return wrong(fmt::format("{}: {} is no whole number", name, **number),
               fmt::format("give {} a whole number, or leave it out", name));
}

Result<Message> messageFromJson(const json::value& value) {
  const auto* object = value.if_object();
  if (object == nullptr) return wrong("messages: one is no object", kExample);
  Message message;
  message.role = textOf(*object, "role");
  if (message.role == "developer") message.role = "system";  // its newer name
  if (message.role.empty()) return wrong("messages: one has no role", kExample);
  auto content = contentOf(*object);
  if (!content) return std::unexpected(content.error());
  message.content = std::move(*content);
  message.toolCallId = textOf(*object, "tool_call_id");
  const auto* calls = given(*object, "tool_calls");
  if (calls == nullptr) return message;
  if (!calls->is_array()) return wrong("messages: tool_calls is no list", "as an answer gave them");
  for (const auto& call : calls->get_array()) {
    const auto* function = functionOf(call);
    if (function == nullptr || textOf(*function, "name").empty()) {
      return wrong("messages: a tool call has no function", "as an answer gave it");
    }
    const auto* arguments = given(*function, "arguments");
    if (arguments != nullptr && !arguments->is_string()) {
      return wrong("messages: the arguments of a tool call are no text",
                   R"(JSON inside a text: "arguments": "{\"city\": \"Paris\"}")");
    }
    message.toolCalls.push_back({textOf(call.get_object(), "id"), textOf(*function, "name"),
                                 textOf(*function, "arguments")});
  }
  return message;
}

Result<void> readTools(const json::object& object, GenerationOptions& options) {
  if (const auto* tools = given(object, "tools")) {
    if (!tools->is_array()) return wrong("tools: no list", kToolExample);
    for (const auto& tool : tools->get_array()) {
      const auto* function = functionOf(tool);
      if (function == nullptr) return wrong("tools: one is no function", kToolExample);
      const auto* parameters = given(*function, "parameters");
      options.tools.push_back({textOf(*function, "name"), textOf(*function, "description"),
                               parameters == nullptr ? "" : json::serialize(*parameters)});
      if (options.tools.back().name.empty()) {
        return wrong("tools: a function has no name", kToolExample);
      }
    }
  }
  const auto* choice = given(object, "tool_choice");
  if (choice == nullptr || *choice == "auto") return {};
  if (*choice == "none") {
    options.toolChoice = ToolChoice::None;
  } else if (*choice == "required") {
    options.toolChoice = ToolChoice::Required;
  } else if (choice->is_object() && options.tools.empty()) {
    return fail(ErrorCategory::InvalidInput, "tool_choice: names a function, and there is no tool",
                "offer tools, or leave tool_choice out");
  } else if (choice->is_object()) {
    return chooseTool(*choice, options);
  } else {
    return wrong("tool_choice: not \"auto\", \"none\" or \"required\"", "leave it out for auto");
  }
  return {};
}

Result<void> readStop(const json::object& object, GenerationOptions& options) {
  const auto* stop = given(object, "stop");
  if (stop == nullptr) return {};
  options.stop.clear();
  if (const auto* one = stop->if_string()) {
    options.stop.emplace_back(*one);
    return {};
  }
  const auto refused = [] {
    return wrong("stop: not a text or a list of texts", R"("\n", or ["\n", "END"])");
  };
  if (!stop->is_array()) return refused();
  for (const auto& text : stop->get_array()) {
    if (!text.is_string()) return refused();
    options.stop.emplace_back(text.get_string());
  }
  return {};
}

Result<void> readSampling(const json::object& object, GenerationOptions& options) {
  const auto temperature = numberOf(object, "temperature", 0, 2);
  if (!temperature) return std::unexpected(temperature.error());
  if (*temperature) options.temperature = **temperature;
  const auto topP = numberOf(object, "top_p", 0, 1);
  if (!topP) return std::unexpected(topP.error());
  if (*topP) options.topP = *topP;
  const auto seed = wholeNumberOf(object, "seed", 0, std::numeric_limits<std::uint32_t>::max() - 1);
  if (!seed) return std::unexpected(seed.error());
  if (*seed) options.seed = static_cast<std::uint32_t>(**seed);
  for (const auto* name : {"max_tokens", "max_completion_tokens"}) {
    const auto most = wholeNumberOf(object, name, 1, 1e6);
    if (!most) return std::unexpected(most.error());
    if (*most) options.maxTokens = static_cast<unsigned>(**most);
  }
  return {};
}

json::array toJson(std::span<const ToolCall> calls) {
  json::array all;
  for (const auto& call : calls) {
    all.push_back({{"id", call.id},
                   {"type", "function"},
                   {"function", {{"name", call.name}, {"arguments", call.arguments}}}});
  }
  return all;
}

json::array toJson(std::span<const Message> messages) {
  json::array all;
  for (const auto& message : messages) {
    json::object one{{"role", message.role}, {"content", message.content}};
    if (!message.toolCalls.empty()) one["tool_calls"] = toJson(std::span(message.toolCalls));
    if (!message.toolCallId.empty()) one["tool_call_id"] = message.toolCallId;
    all.push_back(std::move(one));
  }
  return all;
}

json::array toJson(std::span<const Tool> tools) {
  json::array all;
  for (const auto& tool : tools) {
    json::object function{{"name", tool.name}, {"description", tool.description}};
    boost::system::error_code broken;
    auto parameters = json::parse(tool.parameters.empty() ? "{}" : tool.parameters, broken);
    if (!broken) function["parameters"] = std::move(parameters);
    all.push_back({{"type", "function"}, {"function", std::move(function)}});
  }
  return all;
}

}  // namespace webpool::pipelines
