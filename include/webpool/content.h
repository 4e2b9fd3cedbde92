// What a model is asked about, and what a caller of the bridge prefers.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "webpool/generation.h"
#include "webpool/speech.h"
#include "webpool/tensor.h"

namespace webpool {

/// What a multimodal model is asked about; either may be empty. Pictures: PNG or JPEG, a path, or
/// pixels as below.
struct PicturesAndTexts {
  std::vector<std::variant<Bytes, std::filesystem::path, Tensor>> pictures{};
  std::vector<std::string> texts{};
};

/// Messages, or one text as a message of the user, with how they are to be answered.
struct GenerationRequest {
  std::vector<Message> messages;
  GenerationOptions generation{};
  /// Called for what is new in the answer, as generate() does, on the thread that runs the call.
  std::function<void(std::string_view)> onText{};
};

/// A sound with how it is to be written down.
struct TranscriptionRequest {
  std::variant<Bytes, std::filesystem::path, Sound, Tensor> sound;
  TranscribeOptions transcribe{};
};

/// What a model is asked about. Which of these it takes, its task tells: texts (embedding), one
/// text or messages (generation; GenerationRequest says how), the bytes of a file or its path
/// (sound, picture, any), samples, tensors. A single tensor needs no name: it is the model's only
/// input, a picture (UINT8, height x
/// width [x 1, 3 or 4]) or sound of 16 kHz: FP16, FP32, FP64, INT16, INT32 or UINT8 (128 is
/// silence), samples, or samples and up to eight channels in either order, which are mixed. A Sound
/// of another rate than the model's is resampled.
using Content = std::variant<std::string, std::vector<std::string>, Bytes, std::filesystem::path,
                             std::vector<Message>, std::vector<Tensor>, Sound, PicturesAndTexts,
                             GenerationRequest, TranscriptionRequest>;

/// What a caller prefers. Empty members leave the choice to the pool.
struct HardwarePreferences {
  /// An order, not a wish: the first of "webgpu", "webnn" and "cpu" (WebAssembly) that exists and
  /// answers right runs, software adapters included. None, or "auto" in it: free choice.
  std::vector<std::string> priorityList{};
  /// Binding up to its family: Chrome, Chromium and Edge stand for each other, so do Safari and
  /// WebKit.
  std::string browser{};
  unsigned precision = 0;       ///< bits of the weights: 32, 16, 8 or 4; 0: the model's default
  bool mixedPrecision = false;  ///< of 4 bits: activations in 16, where there are such weights
  /// As ModelOptions::context: tokens of a conversation with a language model; 0: the usual.
  unsigned contextLength = 0;
  /// Whether the browser may get the model's bytes from other browsers too, and give them to such;
  /// unset: what the pool was opened with (PoolOptions::peerSharing).
  std::optional<bool> p2pOptimization{};
  /// Wishes that a caller may have and that nothing here fulfils yet: results repeat them under
  /// what was asked, and say of each that it did not happen.
  bool computeShaders = false;
  bool precompileShaders = false;
  bool parallelLoading = false;
};

}  // namespace webpool
