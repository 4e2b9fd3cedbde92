#include "cli/serve_greeting.h"

#include <fmt/format.h>

#include <algorithm>

namespace webpool::cli {
namespace {

constexpr std::size_t kShown = 12;
constexpr std::size_t kColumns = 80;

std::string listOf(const std::vector<NamedTask>& models) {
  const auto shown = std::min(models.size(), kShown);
  std::size_t width = 0;
  for (std::size_t i = 0; i < shown; ++i) width = std::max(width, models[i].model.size());
  width = std::min<std::size_t>(width, 44);
  std::string text;
  for (std::size_t i = 0; i < shown; ++i) {
    const auto& [model, task] = models[i];
    auto line = fmt::format("  {:<{}}  {}", model, width, task);
    if (line.size() > kColumns) line = "  " + model;
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  if (models.size() > shown) text += fmt::format("  and {} more\n", models.size() - shown);
  return text;
}

std::string sampleCall(const std::string& origin, const NamedTask& model, std::string_view token) {
  const auto with = token.empty() ? std::string()
                                  : fmt::format(" \\\n    -H \"Authorization: Bearer {}\"", token);
  constexpr std::string_view kType = " \\\n    -H 'Content-Type: application/json'";
  if (model.task == "text-embedding") {
    return fmt::format(
        "  curl {}/v1/embeddings{}{} \\\n"
        "    -d '{{\"model\": \"{}\", \"input\": \"a sentence\"}}'\n",
        origin, with, kType, model.model);
  }
  if (model.task == "text-generation") {
    return fmt::format(
        "  curl {}/v1/chat/completions{}{} \\\n    -d '{{\"model\": \"{}\",\n"
        "        \"messages\": [{{\"role\": \"user\", \"content\": \"Hello\"}}]}}'\n",
        origin, with, kType, model.model);
  }
  if (model.task == "automatic-speech-recognition") {
    return fmt::format(
        "  curl {}/v1/audio/transcriptions{} \\\n    -F model={} -F file=@FILE.wav\n", origin, with,
        model.model);
  }
  return fmt::format("  curl {}/v2/models/{}{}\n", origin, model.model, with);
}

/// The first that a person gets something out of.
const NamedTask& toTry(const std::vector<NamedTask>& models) {
  for (const auto& model : models) {
    if (model.task == "text-embedding" || model.task == "text-generation" ||
        model.task == "automatic-speech-recognition") {
      return model;
    }
  }
  return models.front();
}

}  // namespace

std::string greeting(const std::string& origin, const std::vector<NamedTask>& models,
                     std::string_view token) {
  auto text = fmt::format(
      "Programs call this pool at {}\n"
      "(OpenAI, Open Inference Protocol, Text Embeddings Inference; /openapi.json\n"
      "describes it). It serves:\n\n{}\n",
      origin, listOf(models));
  if (models.empty()) return text;
  return text + "A model is loaded when it is first asked for. To try it:\n\n" +
         sampleCall(origin, toTry(models), token) + "\nCtrl-C ends it.\n\n";
}

}  // namespace webpool::cli
