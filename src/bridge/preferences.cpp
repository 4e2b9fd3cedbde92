#include "bridge/preferences.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <utility>

namespace webpool::bridge {
namespace {

/// Browsers of one engine under their makers' names.
const std::array<std::vector<std::string_view>, 3> kFamilies{{
    {"chrome", "chromium", "edge", "chromium-webnn"},
    {"firefox"},
    {"webkit", "safari"},
}};

constexpr std::array kTypes{"text",   "text_embedding", "text_generation",
                            "vision", "audio",          "multimodal"};

constexpr std::pair<std::string_view, std::string_view> kTasks[] = {
    {"text_embedding", "text-embedding"},
    {"text_generation", "text-generation"},
    {"text", "text-classification"},
    {"text", "token-classification"},
    {"text", "fill-mask"},
    {"text", "feature-extraction"},
    {"text", "file-type-detection"},
    {"vision", "optical-character-recognition"},
    {"vision", "image-classification"},
    {"multimodal", "multimodal-embedding"},
    {"audio", "automatic-speech-recognition"},
    {"audio", "voice-activity-detection"},
};

}  // namespace

Result<std::vector<Backend>> backendsOf(std::span<const std::string> priorityList) {
  std::vector<Backend> backends;
  for (const auto& name : priorityList) {
    auto backend = backendFromName(name == "cpu" ? "wasm" : name);
    if (!backend) {
      return fail(ErrorCategory::InvalidArgument, fmt::format("there is no platform '{}'", name),
                  "webgpu, webnn, cpu or auto");
    }
    if (*backend == Backend::Auto) return std::vector{Backend::Auto};
    if (std::ranges::find(backends, *backend) == backends.end()) backends.push_back(*backend);
  }
  if (backends.empty()) backends.push_back(Backend::Auto);
  return backends;
}

std::string_view platformName(Backend backend) {
  return backend == Backend::Wasm ? "cpu" : backendName(backend);
}

Result<std::vector<std::string>> browsersFor(std::string_view asked,
                                             std::span<const std::string> installed) {
  if (asked.empty() || asked == "auto") return std::vector(installed.begin(), installed.end());
  const auto family = std::ranges::find_if(
      kFamilies, [&](const auto& names) { return std::ranges::find(names, asked) != names.end(); });
  if (family == kFamilies.end()) {
    return fail(ErrorCategory::InvalidArgument, fmt::format("there is no browser '{}'", asked),
                "chrome, chromium, edge, firefox, safari or webkit");
  }
  std::vector<std::string> found;
  const auto take = [&](std::string_view name) {
    if (std::ranges::find(installed, name) != installed.end() &&
        std::ranges::find(found, name) == found.end()) {
      found.emplace_back(name);
    }
  };
  take(asked);
  for (const auto name : *family) take(name);
  if (found.empty()) {
    return fail(ErrorCategory::BrowserNotFound,
                fmt::format("neither {} nor another browser of its family is installed", asked),
                fmt::format("there are {}", fmt::join(installed, ", ")));
  }
  return found;
}

std::string_view taskFor(std::string_view type, std::string_view own) {
  if (own == "tensors") return own;
  for (const auto& [theirs, task] : kTasks) {
    if (theirs == type && task == own) return own;
  }
  return {};
}

std::string_view taskOfGraphs(std::string_view type, const ModelDescription& graph) {
  const auto takes = [&](std::string_view input) {
    return std::ranges::find(graph.inputs, input, &TensorSpec::name) != graph.inputs.end();
  };
  // Those of Silero VAD.
  if (type == "audio" && takes("input") && takes("state") && takes("sr")) {
    return "voice-activity-detection";
  }
  if (type == "text_embedding") return "text-embedding";
  return {};
}

std::string_view typeOf(std::string_view task) {
  for (const auto& [type, theirs] : kTasks) {
    if (theirs == task) return type;
  }
  return "text";
}

std::string typeNames() {
  return fmt::format("{}", fmt::join(kTypes, ", "));
}

bool isType(std::string_view name) {
  return std::ranges::find(kTypes, name) != kTypes.end();
}

}  // namespace webpool::bridge
