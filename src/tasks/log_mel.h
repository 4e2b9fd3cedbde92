// Sound as Whisper hears it: how loud each of 80 bands is, each 10 ms (Radford et al. 2022; the
// bands are Slaney's, "Auditory Toolbox", 1998).
#pragma once

#include <memory>
#include <span>
#include <vector>

struct kiss_fftr_state;

namespace webpool::tasks {

inline constexpr unsigned kMelRate = 16'000;              ///< samples a second
inline constexpr std::size_t kMelFrames = 3'000;          ///< of a window, 10 ms each
inline constexpr std::size_t kMelWindow = 30 * kMelRate;  ///< samples

/// Made once; of() may be called from several threads.
class LogMel {
 public:
  /// `bands`: 80, of the largest models 128.
  explicit LogMel(std::size_t bands = 80);
  ~LogMel();
  LogMel(LogMel&&) noexcept = default;
  LogMel& operator=(LogMel&&) = delete;

  std::size_t bands() const { return bands_; }

  /// [bands, kMelFrames], row by row, of at most kMelWindow samples; what is missing is silence.
  std::vector<float> of(std::span<const float> samples) const;

 private:
  struct Band {
    std::size_t first = 0;       ///< frequency bin
    std::vector<float> weights;  ///< of it and those after
  };

  std::size_t bands_;
  std::vector<float> window_;
  std::vector<Band> filters_;
  std::unique_ptr<kiss_fftr_state, void (*)(void*)> transform_;
};

}  // namespace webpool::tasks
