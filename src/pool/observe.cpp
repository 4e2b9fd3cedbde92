#include "pool/observe.h"

#include <algorithm>
#include <utility>

namespace webpool::pool {

RecordedModel recordedModel(const ModelDescription& description) {
  return {.name = description.name,
          .component = description.component,
          .cid = description.cid,
          .task = description.task,
          .dtype = description.dtype,
          .bytes = description.bytes};
}

std::uint64_t itemsOf(const std::vector<TensorSpec>& specs, std::span<const Tensor> inputs) {
  if (specs.empty()) return 1;
  const auto& spec = specs.front();
  const auto input = std::ranges::find(inputs, spec.name, &Tensor::name);
  if (input == inputs.end() || input->shape.empty()) return 1;
  const bool rows =
      input->type == DataType::Bytes || (spec.shape.size() > 1 && spec.shape.front() < 0);
  return rows && input->shape.front() > 0 ? static_cast<std::uint64_t>(input->shape.front()) : 1;
}

double millisecondsSince(std::chrono::steady_clock::time_point began) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - began)
      .count();
}

WallTime wallTime(std::chrono::steady_clock::time_point began) {
  const auto ago = std::chrono::steady_clock::now() - began;
  return std::chrono::system_clock::now() - std::chrono::duration_cast<WallTime::duration>(ago);
}

RecordedLoad failedLoad(std::uint64_t number, RecordedModel model,
                        std::chrono::steady_clock::time_point began, const Error& error) {
  RecordedLoad load;
  load.number = number;
  load.startedAt = wallTime(began);
  load.model = std::move(model);
  load.timings.totalMs = millisecondsSince(began);
  load.error = error;
  return load;
}

}  // namespace webpool::pool
