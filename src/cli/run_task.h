// What `webpool run` does for one task: reads its inputs, runs, prints. One run_x.cpp a task.
#pragma once

#include <memory>
#include <string_view>

#include "cli/run_flags.h"
#include "cli/run_inputs.h"
#include "webpool/model.h"

namespace webpool::cli {

class RunTask {
 public:
  virtual ~RunTask() = default;

  /// Reads and checks what there is to run on, before a browser is asked.
  virtual Result<void> prepare(const RunFlags& flags, const ModelDescription& description) = 0;

  /// After prepare(). Prints for a person or as JSON; the exit code.
  virtual int run(const RunFlags& flags, const Model& model, const RunOptions& options) = 0;
};

std::unique_ptr<RunTask> runClassificationTask();
std::unique_ptr<RunTask> runEmbeddingTask();
std::unique_ptr<RunTask> runEntitiesTask();
std::unique_ptr<RunTask> runFillMaskTask();
std::unique_ptr<RunTask> runGenerationTask();
std::unique_ptr<RunTask> runSpeechTask();
std::unique_ptr<RunTask> runFileTypesTask();
std::unique_ptr<RunTask> runImageLabelsTask();
std::unique_ptr<RunTask> runOcrTask();
std::unique_ptr<RunTask> runPictureTextTask();
std::unique_ptr<RunTask> runTensorsTask();
std::unique_ptr<RunTask> runTextProjectionTask();
std::unique_ptr<RunTask> runTokenStatesTask();
std::unique_ptr<RunTask> runTranscriptionTask();

/// For the name of a task of the pool; nullptr for another.
std::unique_ptr<RunTask> makeRunTask(std::string_view task);

}  // namespace webpool::cli
