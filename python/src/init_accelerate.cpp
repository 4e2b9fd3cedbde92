#include "python.h"

namespace webpool::python {

void initAccelerate(py::module_& module) {
  module.def(
      "accelerate",
      [](const std::string& name, py::handle content, const py::dict& config,
         const std::shared_ptr<ResourcePoolBridgeIntegration>& pool, const Stop& stop) {
        const auto inputs = givenContent(content);
        py::dict wanted;
        for (const auto* key :
             {"browser", "precision", "mixed_precision", "context_length", "p2p_optimization"}) {
          if (config.contains(key)) wanted[key] = config[key];
        }
        const auto preferences = preferencesOf(wanted);
        AccelerateConfig options{
            .platform = textIn(config, "platform", "webgpu, webnn or cpu"),
            .browser = preferences.browser,
            .precision = preferences.precision,
            .mixedPrecision = preferences.mixedPrecision,
            .contextLength = preferences.contextLength,
            .p2pOptimization = preferences.p2pOptimization,
            .modelType = textIn(config, "model_type", "vision, audio, text_embedding, ..."),
            .pool = pool.get(),
            .options = bridgeOptionsOf(config)};
        const auto whole = waitFor(stop, [&](const std::stop_token& token) {
          options.stop = token;
          return webpool::accelerate(name, inputs, options);
        });
        return resultToPython(whole.toJson(), whole.result);
      },
      py::arg("model_name"), py::arg("content"), py::arg("config"), py::arg("pool"),
      py::arg("stop") = nullptr);
}

}  // namespace webpool::python
