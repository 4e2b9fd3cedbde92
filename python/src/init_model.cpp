#include "bridge/request.h"
#include "python.h"

namespace webpool::python {
namespace {

/// As content of which the answer can be had as it comes.
Content asGeneration(Content content) {
  if (auto* text = std::get_if<std::string>(&content)) {
    return GenerationRequest{.messages = {{"user", std::move(*text)}}};
  }
  if (auto* messages = std::get_if<std::vector<Message>>(&content)) {
    return GenerationRequest{.messages = std::move(*messages)};
  }
  if (const auto* path = std::get_if<std::filesystem::path>(&content)) {
    return GenerationRequest{.messages = {{"user", orRaise(bridge::textOfFile(*path))}}};
  }
  if (std::holds_alternative<GenerationRequest>(content)) return content;
  raise(Error{ErrorCategory::InvalidInput, "only the answer to a text or messages comes bit by bit",
              "call the model without stream()"});
}

Inputs inputsOf(const py::iterable& given) {
  Inputs inputs;
  for (const auto& item : given) inputs.add(item);
  return inputs;
}

/// What is to be answered bit by bit, in a browser.
Request requestOf(const EnhancedWebModel& model, py::handle inputs, const py::dict& options) {
  auto content = withOptions(givenContent(inputs), options);
  auto generation = asGeneration(content);
  // A backend of the program's own is given what it is given by a call.
  return {model.isInBrowser() ? std::move(generation) : std::move(content)};
}

/// The answer of a backend of the program's own, as the one piece that it is.
void giveWhole(WebModelResult& result, const py::object& onText) {
  if (!result.success) return;
  if (const auto text = bridge::wholeText(result.output)) {
    onText(*text);
    return;
  }
  const auto backend = result.platform();  // a failure has none
  result.success = false;
  result.error = Error{ErrorCategory::Unsupported,
                       "the backend '" + backend + "' gave an answer without a text",
                       "call the model without stream(), or let the backend give a str or a dict "
                       "with \"text\""};
}

/// `onText`, if it is not None, is called with what is new in the answer of a language model. What
/// it raises ends the call, and is what the call raises.
py::object run(const std::shared_ptr<EnhancedWebModel>& model, py::handle inputs,
               const py::dict& options, const Stop& given, const py::object& onText) {
  auto content = py::isinstance<Request>(inputs) ? py::cast<const Request&>(inputs).content
                 : onText.is_none()              ? withOptions(givenContent(inputs), options)
                                                 : requestOf(*model, inputs, options).content;
  const auto stop = given ? given : std::make_shared<std::stop_source>();
  std::optional<py::error_already_set> raised;
  const bool bitByBit = !onText.is_none() && model->isInBrowser();
  if (bitByBit) {
    std::get<GenerationRequest>(content).onText = [&](std::string_view text) {
      const py::gil_scoped_acquire held;
      if (raised) return;
      try {
        onText(py::str(text.data(), text.size()));
      } catch (py::error_already_set& error) {
        raised.emplace(std::move(error));
        stop->request_stop();
      }
    };
  }
  auto result =
      waitFor(stop, [&](const std::stop_token& token) { return (*model)(content, token); });
  if (raised) throw std::move(*raised);
  if (!onText.is_none() && !bitByBit) giveWhole(result, onText);
  return resultToPython(result);
}

}  // namespace

void initModel(py::module_& module) {
  using ModelPtr = std::shared_ptr<EnhancedWebModel>;
  py::class_<Request>(module, "Request");
  py::class_<EnhancedWebModel, ModelPtr>(module, "Model")
      .def_property_readonly("model_id", &EnhancedWebModel::modelId)
      .def_property_readonly("model_type", &EnhancedWebModel::modelType)
      .def_property_readonly("model_name", &EnhancedWebModel::modelName)
      .def_property_readonly("cid", [](const EnhancedWebModel& model) { return model.info().cid; })
      .def_property_readonly("task",
                             [](const EnhancedWebModel& model) { return model.info().task; })
      .def_property("max_batch_size", &EnhancedWebModel::maxBatchSize,
                    &EnhancedWebModel::setMaxBatchSize)
      .def("run", run, py::arg("inputs"), py::arg("options") = py::dict(),
           py::arg("stop") = nullptr, py::arg("on_text") = py::none())
      .def("request", requestOf, py::arg("inputs"), py::arg("options"))
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
