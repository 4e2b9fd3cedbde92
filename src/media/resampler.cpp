#include "media/resampler.h"

#include <fmt/format.h>
#include <soxr.h>

#include <cmath>

namespace webpool::media {

void Resampler::Delete::operator()(soxr* resampler) const {
  soxr_delete(resampler);
}

Result<Resampler> Resampler::make(unsigned from, unsigned to) {
  soxr_error_t error = nullptr;
  const auto io = soxr_io_spec(SOXR_FLOAT32_I, SOXR_FLOAT32_I);
  const auto quality = soxr_quality_spec(SOXR_HQ, 0);
  const auto runtime = soxr_runtime_spec(1);
  Handle handle(soxr_create(from, to, 1, &error, &io, &quality, &runtime));
  if (error != nullptr || !handle) {
    return fail(ErrorCategory::Internal,
                fmt::format("no resampling from {} to {} Hz: {}", from, to,
                            error != nullptr ? error : "no reason given"),
                "");
  }
  return Resampler(std::move(handle), static_cast<double>(to) / from);
}

void Resampler::add(std::span<const float> input, std::vector<float>& output) {
  if (!input.empty()) process(input.data(), input.size(), output);
}

void Resampler::finish(std::vector<float>& output) {
  process(nullptr, 0, output);
}

void Resampler::process(const float* input, std::size_t count, std::vector<float>& output) {
  constexpr std::size_t kAtLeast = 4096;
  std::size_t used = 0;
  while (true) {
    const auto room =
        kAtLeast + static_cast<std::size_t>(std::ceil(static_cast<double>(count - used) * ratio_));
    const auto before = output.size();
    output.resize(before + room);
    std::size_t taken = 0;
    std::size_t made = 0;
    soxr_process(handle_.get(), input == nullptr ? nullptr : input + used, count - used, &taken,
                 output.data() + before, room, &made);
    output.resize(before + made);
    used += taken;
    if (made < room && used == count) return;
  }
}

}  // namespace webpool::media
