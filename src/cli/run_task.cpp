#include "cli/run_task.h"

#include <utility>

namespace webpool::cli {
namespace {

using Make = std::unique_ptr<RunTask> (*)();

constexpr std::pair<std::string_view, Make> kTasks[] = {
    {"tensors", runTensorsTask},
    {"text-embedding", runEmbeddingTask},
    {"text-classification", runClassificationTask},
    {"token-classification", runEntitiesTask},
    {"fill-mask", runFillMaskTask},
    {"feature-extraction", runTokenStatesTask},
    {"text-projection", runTextProjectionTask},
    {"text-generation", runGenerationTask},
    {"automatic-speech-recognition", runTranscriptionTask},
    {"file-type-detection", runFileTypesTask},
    {"image-classification", runImageLabelsTask},
    {"multimodal-embedding", runPictureTextTask},
    {"optical-character-recognition", runOcrTask},
    {"voice-activity-detection", runSpeechTask},
};

}  // namespace

std::unique_ptr<RunTask> makeRunTask(std::string_view task) {
  for (const auto& [name, make] : kTasks) {
    if (name == task) return make();
  }
  return nullptr;
}

}  // namespace webpool::cli
