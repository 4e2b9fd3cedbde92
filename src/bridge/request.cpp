#include "bridge/request.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <span>
#include <utility>

#include "base/file.h"
#include "pipelines/generation_json.h"
#include "wire/utf8.h"

namespace webpool::bridge {
namespace {

namespace json = boost::json;

constexpr std::array<std::string_view, 12> kOfTexts{
    "max_tokens", "max_completion_tokens", "temperature",  "top_p", "top_k",    "seed", "stop",
    "tools",      "tool_choice",           "conversation", "raw",   "token_ids"};
constexpr std::array<std::string_view, 2> kOfSounds{"language", "translate"};
constexpr std::array<std::string_view, 6> kTasksOfTexts{
    "text-embedding",       "text-generation", "text-classification",
    "token-classification", "fill-mask",       "feature-extraction"};
constexpr std::uint64_t kLargestText = std::uint64_t{256} << 20;

bool contains(std::span<const std::string_view> names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

Result<void> readFlag(const json::object& options, std::string_view name, bool& into) {
  const auto* value = pipelines::given(options, name);
  if (value == nullptr) return {};
  if (!value->is_bool()) {
    return fail(ErrorCategory::InvalidArgument, fmt::format("{}: neither true nor false", name),
                "leave it out for false");
  }
  into = value->get_bool();
  return {};
}

Result<void> readText(const json::object& options, std::string_view name, std::string& into) {
  const auto* value = pipelines::given(options, name);
  if (value == nullptr) return {};
  if (!value->is_string()) {
    return fail(ErrorCategory::InvalidArgument, fmt::format("{}: no text", name),
                fmt::format("give {} a text, or leave it out", name));
  }
  into = value->get_string();
  return {};
}

Result<void> readTopK(const json::object& options, GenerationOptions& into) {
  const auto topK = pipelines::wholeNumberOf(options, "top_k", 1, 1e6);
  if (!topK) return std::unexpected(topK.error());
  if (*topK) into.topK = static_cast<unsigned>(**topK);
  return {};
}

Result<void> readGeneration(const json::object& options, GenerationOptions& into) {
  for (auto* read :
       {pipelines::readTools, pipelines::readStop, pipelines::readSampling, readTopK}) {
    if (auto fits = read(options, into); !fits) return fits;
  }
  if (auto fits = readText(options, "conversation", into.conversation); !fits) return fits;
  if (auto fits = readFlag(options, "raw", into.raw); !fits) return fits;
  return readFlag(options, "token_ids", into.tokenIds);
}

std::unexpected<Error> misplaced(std::string_view name, std::string_view takes) {
  return fail(ErrorCategory::InvalidArgument,
              fmt::format("'{}' does not go with this content", name),
              fmt::format("it is for {}", takes));
}

Result<Content> withGeneration(Content content, const json::object& options) {
  GenerationRequest request;
  if (auto* text = std::get_if<std::string>(&content)) {
    request.messages.push_back({"user", std::move(*text)});
  } else if (auto* messages = std::get_if<std::vector<Message>>(&content)) {
    request.messages = std::move(*messages);
  } else if (auto* before = std::get_if<GenerationRequest>(&content)) {
    request = std::move(*before);
  } else if (const auto* path = std::get_if<std::filesystem::path>(&content)) {
    auto read = textOfFile(*path);
    if (!read && read.error().category == ErrorCategory::InvalidInput) {
      return misplaced(options.begin()->key(), "a text, messages, or a file of text (UTF-8)");
    }
    if (!read) return std::unexpected(read.error());
    request.messages.push_back({"user", std::move(*read)});
  } else {
    return misplaced(options.begin()->key(), "a text or messages");
  }
  if (auto read = readGeneration(options, request.generation); !read) {
    return std::unexpected(read.error());
  }
  return request;
}

Result<Content> withTranscription(Content content, const json::object& options) {
  TranscriptionRequest request;
  auto* tensors = std::get_if<std::vector<Tensor>>(&content);
  if (auto* text = std::get_if<std::string>(&content)) {
    request.sound = std::filesystem::path(*text);
  } else if (auto* path = std::get_if<std::filesystem::path>(&content)) {
    request.sound = std::move(*path);
  } else if (auto* bytes = std::get_if<Bytes>(&content)) {
    request.sound = std::move(*bytes);
  } else if (auto* sound = std::get_if<Sound>(&content)) {
    request.sound = std::move(*sound);
  } else if (tensors != nullptr && tensors->size() == 1) {
    request.sound = std::move(tensors->front());
  } else if (auto* before = std::get_if<TranscriptionRequest>(&content)) {
    request = std::move(*before);
  } else {
    return misplaced(options.begin()->key(), "a sound: its bytes, path or samples");
  }
  if (auto read = readText(options, "language", request.transcribe.language); !read) {
    return std::unexpected(read.error());
  }
  if (auto read = readFlag(options, "translate", request.transcribe.translate); !read) {
    return std::unexpected(read.error());
  }
  return request;
}

}  // namespace

Result<Content> withOptions(Content content, const json::object& options) {
  if (options.empty()) return content;
  for (const auto& option : options) {
    if (isOption(option.key())) continue;
    return fail(ErrorCategory::InvalidArgument,
                fmt::format("a call has no option '{}'", std::string_view(option.key())),
                fmt::format("of a text or messages: {}; of a sound: {}", fmt::join(kOfTexts, ", "),
                            fmt::join(kOfSounds, ", ")));
  }
  const auto ofSound = std::ranges::find_if(
      options, [](const auto& option) { return contains(kOfSounds, option.key()); });
  if (ofSound == options.end()) return withGeneration(std::move(content), options);
  for (const auto& option : options) {
    if (!contains(kOfTexts, option.key())) continue;
    return fail(ErrorCategory::InvalidArgument,
                fmt::format("'{}' is for a text or messages, '{}' for a sound",
                            std::string_view(option.key()), std::string_view(ofSound->key())),
                "leave one of them out");
  }
  return withTranscription(std::move(content), options);
}

bool isOption(std::string_view name) {
  return contains(kOfTexts, name) || contains(kOfSounds, name);
}

bool takesTexts(std::string_view task) {
  return contains(kTasksOfTexts, task);
}

Result<std::string> textOfFile(const std::filesystem::path& path) {
  auto text = base::readInput(path, kLargestText, false);
  if (!text || wire::isValidUtf8(*text)) return text;
  return fail(ErrorCategory::InvalidInput, fmt::format("{} is not valid UTF-8", path.native()),
              "give a file of text; iconv converts one of another encoding");
}

std::optional<std::string> wholeText(std::string_view output) {
  boost::system::error_code broken;
  const auto value = json::parse(output, broken);
  if (broken) return std::nullopt;
  const auto* object = value.if_object();
  const auto* text = object != nullptr ? object->if_contains("text") : &value;
  if (text == nullptr || !text->is_string()) return std::nullopt;
  return std::string(text->get_string());
}

json::object optionsOf(const Content& content) {
  json::object options;
  const auto put = [&](std::string_view name, json::value value, const json::value& usual) {
    if (value != usual) options[name] = std::move(value);
  };
  const auto putIf = [&](std::string_view name, const auto& value) {
    if (value) options[name] = *value;
  };
  if (const auto* request = std::get_if<TranscriptionRequest>(&content)) {
    put("language", json::value(request->transcribe.language), "");
    put("translate", request->transcribe.translate, false);
  }
  const auto* request = std::get_if<GenerationRequest>(&content);
  if (request == nullptr) return options;
  const auto& given = request->generation;
  const GenerationOptions usual;
  put("max_tokens", given.maxTokens, usual.maxTokens);
  put("temperature", given.temperature, usual.temperature);
  putIf("top_p", given.topP);
  putIf("top_k", given.topK);
  putIf("seed", given.seed);
  put("stop", json::value_from(given.stop), json::array{});
  put("tools", pipelines::toJson(std::span(given.tools)), json::array{});
  if (given.toolChoice != ToolChoice::Auto) {
    options["tool_choice"] = given.toolChoice == ToolChoice::None ? "none" : "required";
  }
  put("conversation", json::value(given.conversation), "");
  put("raw", given.raw, false);
  put("token_ids", given.tokenIds, false);
  return options;
}

}  // namespace webpool::bridge
