// soxr, one channel, block by block.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "webpool/error.h"

struct soxr;

namespace webpool::media {

/// Not thread-safe.
class Resampler {
 public:
  /// Samples a second. Internal where soxr refuses the rates.
  static Result<Resampler> make(unsigned from, unsigned to);

  /// What comes out of `input` is appended.
  void add(std::span<const float> input, std::vector<float>& output);
  /// What is still inside.
  void finish(std::vector<float>& output);

 private:
  struct Delete {
    void operator()(soxr* resampler) const;
  };
  using Handle = std::unique_ptr<soxr, Delete>;

  Resampler(Handle handle, double ratio) : handle_(std::move(handle)), ratio_(ratio) {}
  /// `input` null: the end.
  void process(const float* input, std::size_t count, std::vector<float>& output);

  Handle handle_;
  double ratio_;  ///< output samples an input sample
};

}  // namespace webpool::media
