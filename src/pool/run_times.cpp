#include "pool/run_times.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <utility>

namespace webpool::pool {
namespace {

namespace json = boost::json;

constexpr const char* kKey = "run_times";
constexpr std::string_view kJoined = "joined-";

/// The words of the table of preferences (sched/run_predictor.h).
std::string_view typeOf(std::string_view task) {
  if (task == "automatic-speech-recognition" || task == "voice-activity-detection") return "audio";
  if (task == "image-classification" || task == "optical-character-recognition") return "vision";
  if (task == "multimodal-embedding") return "multimodal";
  if (task == "text-embedding") return "text_embedding";
  if (task == "text-generation") return "text_generation";
  return task == "tensors" ? "" : "text";
}

json::object toJson(const sched::SavedRuns& saved) {
  const auto& key = saved.key;
  return {{"model", key.model},
          {"component", key.component},
          {"backend", key.backend},
          {"dtype", key.dtype},
          {"browser", key.browser},
          {"version", key.version},
          {"device", key.device},
          {"type", saved.modelType},
          {"numbers", json::value_from(saved.numbers)}};
}

sched::SavedRuns savedFrom(const json::object& object) {
  sched::SavedRuns saved{
      {textOf(object, "model"), textOf(object, "component"), textOf(object, "backend"),
       textOf(object, "dtype"), textOf(object, "browser"), textOf(object, "version"),
       textOf(object, "device")},
      textOf(object, "type"),
      {}};
  const auto* numbers = object.if_contains("numbers");
  if (numbers == nullptr || !numbers->is_array()) return saved;
  for (const auto& number : numbers->get_array()) {
    if (number.is_number()) saved.numbers.push_back(number.to_number<double>());
  }
  return saved;
}

}  // namespace

sched::RunKey runKey(const ModelDescription& model, const RanOn& ranOn) {
  sched::RunKey key{.model = model.cid,
                    .component = model.component,
                    .backend = std::string(backendName(ranOn.backend)),
                    .dtype = model.dtype,
                    .browser = ranOn.browser,
                    .version = ranOn.browserVersion,
                    .device = {}};
  if (ranOn.trust == Trust::Joined) {
    key.device = ranOn.connection;
  } else if (ranOn.adapter) {
    key.device = ranOn.adapter->label();
  } else if (ranOn.backend == Backend::Wasm) {
    key.device = fmt::format("{} threads", ranOn.wasmThreads);
  }
  return key;
}

RunTimes::RunTimes(std::filesystem::path file) : file_(std::move(file)) {
  for (const auto& entry : readKept(file_, kKey)) {
    // What is no prediction of ours is not learned from.
    (void)predictor_.restore(savedFrom(entry));
  }
}

sched::Prediction RunTimes::predict(const sched::RunKey& key, std::string_view task,
                                    const sched::RunSize& size) {
  const std::lock_guard lock(mutex_);
  return predictor_.predict(predictor_.idOf(key, typeOf(task)), size);
}

std::optional<double> RunTimes::worthOfARun(const sched::RunKey& key, std::string_view task) {
  const std::lock_guard lock(mutex_);
  return predictor_.worthOfARun(predictor_.idOf(key, typeOf(task)));
}

std::vector<sched::RunKeyId> RunTimes::known(const ModelDescription& model,
                                             const std::vector<std::string>& browsers,
                                             Backend backend) const {
  constexpr double kEnough = 8;
  std::vector<sched::RunKeyId> ids;
  for (sched::RunKeyId id = 0; id < predictor_.size(); ++id) {
    const auto& key = predictor_.keyOf(id);
    const bool same = key.model == model.cid && key.component == model.component &&
                      key.dtype == model.dtype &&
                      std::ranges::find(browsers, key.browser) != browsers.end() &&
                      (backend == Backend::Auto || key.backend == backendName(backend));
    if (!same) continue;
    const auto told = predictor_.predict(id, {});
    if (told.basis == sched::Basis::OwnRuns && told.observations >= kEnough) ids.push_back(id);
  }
  return ids;
}

std::optional<double> RunTimes::shortest(const ModelDescription& model, std::string_view browser,
                                         Backend backend) const {
  std::optional<double> shortest;
  const std::lock_guard lock(mutex_);
  for (const auto id : known(model, {std::string(browser)}, backend)) {
    const auto ms = predictor_.predict(id, {}).ms;
    shortest = std::min(shortest.value_or(ms), ms);
  }
  return shortest;
}

std::vector<std::optional<double>> RunTimes::compare(std::span<const ModelDescription> dtypes,
                                                     const std::vector<std::string>& browsers,
                                                     Backend backend) const {
  const auto volume = [](const sched::RunSize& size) {
    return size.items * std::max(size.length, 1.0);
  };
  const std::lock_guard lock(mutex_);
  std::vector<std::vector<sched::RunKeyId>> ids;
  std::optional<sched::RunSize> least;
  for (const auto& dtype : dtypes) {
    for (const auto id : ids.emplace_back(known(dtype, browsers, backend))) {
      const auto& usual = predictor_.usualOf(id);
      if (!least || volume(usual) < volume(*least)) least = usual;
    }
  }
  std::vector<std::optional<double>> times(dtypes.size());
  for (std::size_t i = 0; i < dtypes.size(); ++i) {
    for (const auto id : ids[i]) {
      const auto ms = predictor_.predict(id, *least).ms;
      times[i] = std::min(times[i].value_or(ms), ms);
    }
  }
  return times;
}

std::optional<sched::Drift> RunTimes::observe(const sched::RunKey& key, std::string_view task,
                                              const sched::RunSize& size, double milliseconds) {
  const std::lock_guard lock(mutex_);
  changed_ = true;
  return predictor_.observe(predictor_.idOf(key, typeOf(task)), size, milliseconds);
}

Result<void> RunTimes::save() {
  std::vector<json::object> entries;
  {
    const std::lock_guard lock(mutex_);
    if (!std::exchange(changed_, false)) return {};
    for (const auto& saved : predictor_.save()) {
      if (!saved.key.device.starts_with(kJoined)) entries.push_back(toJson(saved));
    }
  }
  return writeKept(file_, kKey, std::move(entries));
}

}  // namespace webpool::pool
