#include "cli/report.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/terminal.h"

namespace webpool::cli {

std::string ranOnText(const RanOn& ranOn) {
  std::string text = ranOn.label;
  if (ranOn.label == "mixed") {
    text += ranOn.placement
                ? fmt::format(" ({:.0f} % of the heavy nodes on {})",
                              ranOn.placement->share() * 100, backendName(ranOn.backend))
                : fmt::format(" ({}; node placement unknown)", backendName(ranOn.backend));
  }
  if (ranOn.adapter) text += " on " + ranOn.adapter->label();
  text += fmt::format(", {} {}, {}", ranOn.browser, ranOn.browserVersion, ranOn.dtype);
  if (ranOn.backend == Backend::Wasm) {
    text += fmt::format(", {} thread{}", ranOn.wasmThreads, ranOn.wasmThreads == 1 ? "" : "s");
  }
  if (!ranOn.server.empty()) text += ", through " + ranOn.server;
  return text;
}

boost::json::object toJson(const AdapterInfo& adapter) {
  return {{"vendor", adapter.vendor},
          {"architecture", adapter.architecture},
          {"device", adapter.device},
          {"description", adapter.description},
          {"software", adapter.software},
          {"shader_f16", adapter.shaderF16},
          {"max_buffer_size", adapter.maxBufferSize},
          {"max_storage_buffer_binding_size", adapter.maxStorageBufferBindingSize}};
}

boost::json::object toJson(const RanOn& ranOn) {
  boost::json::object object{{"browser", ranOn.browser},
                             {"browser_version", ranOn.browserVersion},
                             {"connection", ranOn.connection},
                             {"trust", trustName(ranOn.trust)},
                             {"backend", ranOn.label},
                             {"backend_chosen", backendName(ranOn.backend)},
                             {"is_real_hardware", ranOn.isRealHardware()},
                             {"precision", ranOn.dtype},
                             {"checked_by", ranOn.checkedBy},
                             {"placement", nullptr},
                             {"adapter", nullptr}};
  if (ranOn.backend == Backend::Wasm) object["wasm_threads"] = ranOn.wasmThreads;
  if (ranOn.placement) {
    object["placement"] = boost::json::object{{"counted", ranOn.placement->counted},
                                              {"on_backend", ranOn.placement->onBackend}};
  }
  if (ranOn.adapter) object["adapter"] = toJson(*ranOn.adapter);
  if (!ranOn.server.empty()) object["server"] = ranOn.server;
  return object;
}

boost::json::object toJson(const Error& error) {
  return {
      {"category", categoryName(error.category)}, {"message", error.message}, {"hint", error.hint}};
}

boost::json::object toJson(const LoadTimings& timings) {
  boost::json::array components;
  for (const auto& one : timings.components) {
    components.push_back({{"name", one.name},
                          {"complete_ms", one.completeMs},
                          {"begun_ms", one.begunMs},
                          {"ready_ms", one.readyMs}});
  }
  return {{"launch_ms", timings.launchMs},     {"fetch_ms", timings.fetchMs},
          {"compile_ms", timings.compileMs},   {"warmup_ms", timings.warmupMs},
          {"total_ms", timings.totalMs},       {"bytes_network", timings.bytesNetwork},
          {"bytes_cache", timings.bytesCache}, {"bytes_peer", timings.bytesPeer},
          {"source", timings.source()},        {"components", std::move(components)}};
}

boost::json::object toJson(const RunTimings& timings) {
  return {{"queue_ms", timings.queueMs}, {"run_ms", timings.runMs}, {"total_ms", timings.totalMs}};
}

std::string similarityTable(std::span<const std::string> texts,
                            std::span<const std::vector<float>> vectors) {
  // A row is a label and a number a text; a wide table loses its columns' texts, not its rows'.
  const std::size_t room = 80 - std::min<std::size_t>(50, vectors.size() * 8);
  std::vector<std::vector<std::string>> rows(1);
  rows[0].emplace_back("");
  for (std::size_t i = 0; i < vectors.size(); ++i) rows[0].push_back(fmt::format("{:>6}", i + 1));
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    std::vector<std::string> row{fmt::format("{} {}", i + 1, fitText(texts[i], room - 6))};
    for (const auto& other : vectors) {
      row.push_back(fmt::format("{:6.3f}", cosineSimilarity(vectors[i], other)));
    }
    rows.push_back(std::move(row));
  }
  return tableText(rows);
}

}  // namespace webpool::cli
