// Pictures: what they show, the text in them.
//
//   auto labels = webpool::classifyPictures(*(*pool)->load("./vit"), pictures);
//   auto picture = webpool::decodePicture(bytesOfAFile);
//   auto reader = webpool::TextReader::of(*(*pool)->load("pp-ocr-v4"));
//   auto page = reader->read(*picture);
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "webpool/label.h"
#include "webpool/model.h"

namespace webpool {

struct Picture {
  std::size_t width = 0;
  std::size_t height = 0;
  std::vector<std::uint8_t> rgb;  ///< rows from the top, three bytes a pixel, no padding
};

/// More than this is refused before it is unpacked: 100 million pixels, 300 MB.
inline constexpr std::size_t kMostPixels = 100'000'000;

/// PNG or JPEG, as its bytes say. What shines through is put on white; a JPEG is turned as its
/// camera says. InvalidInput: neither of them, cut off or damaged, more than kMostPixels.
Result<Picture> decodePicture(std::span<const std::byte> file);

/// For a model of task "image-classification" (ViT and its like): scaled and normalised as its
/// preprocessor_config.json says. Blocks; thread-safe. InvalidArgument: another task; InvalidModel:
/// a configuration that can't be followed; Unsupported: the model gives no logits, or of another
/// number of labels than its config.json says; WrongResult: scores that are no numbers; those of
/// Model::run().
Result<Classification> classifyPictures(const Model& model, std::span<const Picture> pictures,
                                        const ClassifyOptions& classifying = {},
                                        const RunOptions& options = {});

struct Point {
  double x = 0;  ///< pixels from the left
  double y = 0;  ///< pixels from the top

  bool operator==(const Point&) const = default;
};

/// A line of text.
struct TextLine {
  std::string text;
  double score = 0;            ///< mean probability of its characters
  std::array<Point, 4> box{};  ///< from the beginning of its upper edge on, clockwise
};

struct PageText {
  std::vector<TextLine> lines;  ///< from the top; of one height from the left
  unsigned runs = 0;
  RunTimings timings;  ///< of all runs together
  RanOn ranOn;         ///< of the detection
};

struct TextReaderOptions {
  /// Longer sides are made that long before text is looked for, pixels.
  std::size_t longestSide = 960;
  double leastScore = 0.5;  ///< lines below are left out
};

/// Finds text (PP-OCR's "det"), turns what stands on its head ("cls", where the model has it; what
/// reads badly is read both ways) and reads it ("rec"). The graphs are components of one model:
/// each is loaded when it is first needed, and stays as long as the reader does. Thread-safe.
class TextReader {
 public:
  /// For a model of task "optical-character-recognition". Reads its alphabet. InvalidArgument for
  /// another task; InvalidModel where the alphabet is missing.
  static Result<TextReader> of(const Model& model);

  /// The graphs that it runs.
  std::vector<Model> graphs() const;

  /// Blocks. Errors: those of Model::run().
  Result<PageText> read(const Picture& picture, const TextReaderOptions& reading = {},
                        const RunOptions& options = {}) const;

 private:
  TextReader(Model detector, Model recogniser, std::optional<Model> classifier,
             std::vector<std::string> alphabet);

  Model detector_;
  Model recogniser_;
  std::optional<Model> classifier_;
  std::vector<std::string> alphabet_;
};

}  // namespace webpool
