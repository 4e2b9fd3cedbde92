#include "python.h"

namespace webpool::python {
namespace {

std::vector<Content> contentsOf(const py::iterable& given) {
  std::vector<Content> contents;
  for (const auto& item : given) contents.push_back(contentOf(item));
  return contents;
}

py::list toList(const std::vector<WebModelResult>& results) {
  py::list all;
  for (const auto& result : results) all.append(resultToPython(result));
  return all;
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
            const auto content = contentOf(inputs);
            return resultToPython(waitFor(
                stop, [&](const std::stop_token& token) { return (*model)(content, token); }));
          },
          py::arg("inputs"), py::arg("stop") = nullptr)
      .def(
          "run_batch",
          [](const ModelPtr& model, const py::iterable& inputs, const Stop& stop) {
            const auto contents = contentsOf(inputs);
            return toList(waitFor(stop, [&](const std::stop_token& token) {
              return model->runBatch(contents, token);
            }));
          },
          py::arg("inputs"), py::arg("stop") = nullptr)
      .def(
          "run_concurrent",
          [](const ModelPtr& model, const py::iterable& inputs,
             const std::vector<std::pair<ModelPtr, py::object>>& others, const Stop& stop) {
            const auto contents = contentsOf(inputs);
            std::vector<std::pair<ModelPtr, Content>> rest;
            for (const auto& [other, input] : others) rest.emplace_back(other, contentOf(input));
            return toList(waitFor(stop, [&](const std::stop_token& token) {
              return model->runConcurrent(contents, rest, token);
            }));
          },
          py::arg("inputs"), py::arg("others"), py::arg("stop") = nullptr)
      .def("performance_metrics", [](const EnhancedWebModel& model) {
        return jsonToPython(model.performanceMetricsJson());
      });
}

}  // namespace webpool::python
