#include "python.h"

namespace webpool::python {
namespace {

Inputs inputsOf(const py::iterable& given) {
  Inputs inputs;
  for (const auto& item : given) inputs.add(item);
  return inputs;
}

}  // namespace

void initModel(py::module_& module) {
  using ModelPtr = std::shared_ptr<EnhancedWebModel>;
  py::class_<EnhancedWebModel, ModelPtr>(module, "Model")
      .def_property_readonly("model_id", &EnhancedWebModel::modelId)
      .def_property_readonly("model_type", &EnhancedWebModel::modelType)
      .def_property_readonly("model_name", &EnhancedWebModel::modelName)
      .def_property_readonly("cid", [](const EnhancedWebModel& model) { return model.info().cid; })
      .def_property_readonly("task",
                             [](const EnhancedWebModel& model) { return model.info().task; })
      .def_property("max_batch_size", &EnhancedWebModel::maxBatchSize,
                    &EnhancedWebModel::setMaxBatchSize)
      .def(
          "run",
          [](const ModelPtr& model, py::handle inputs, const Stop& stop) {
            const auto content = givenContent(inputs);
            return resultToPython(waitFor(
                stop, [&](const std::stop_token& token) { return (*model)(content, token); }));
          },
          py::arg("inputs"), py::arg("stop") = nullptr)
      .def(
          "run_batch",
          [](const ModelPtr& model, const py::iterable& inputs, const Stop& stop) {
            const auto all = inputsOf(inputs);
            const auto ran = waitFor(stop, [&](const std::stop_token& token) {
              return model->runBatch(all.contents, token);
            });
            return toList(all, ran,
                          [&](std::size_t i) { return refused(model.get(), "", *all.errors[i]); });
          },
          py::arg("inputs"), py::arg("stop") = nullptr)
      .def(
          "run_concurrent",
          [](const ModelPtr& model, const py::iterable& inputs,
             const std::vector<std::pair<ModelPtr, py::object>>& others, const Stop& stop) {
            auto all = inputsOf(inputs);
            const auto own = all.errors.size();
            const auto ownContents = all.contents;
            std::vector<std::pair<ModelPtr, Content>> rest;
            for (const auto& [other, input] : others) {
              all.add(input);
              if (!all.errors.back()) rest.emplace_back(other, all.contents.back());
            }
            const auto ran = waitFor(stop, [&](const std::stop_token& token) {
              return model->runConcurrent(ownContents, rest, token);
            });
            return toList(all, ran, [&](std::size_t i) {
              const auto& asked = i < own ? model : others[i - own].first;
              return refused(asked.get(), "", *all.errors[i]);
            });
          },
          py::arg("inputs"), py::arg("others"), py::arg("stop") = nullptr)
      .def("performance_metrics", [](const EnhancedWebModel& model) {
        return jsonToPython(model.performanceMetricsJson());
      });
}

}  // namespace webpool::python
