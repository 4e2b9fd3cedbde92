// What a Python program adds to an integration. Its objects are called and released with the GIL,
// whatever thread of the pool that happens on.
#include "python.h"

namespace webpool::python {
namespace {

using Shared = std::shared_ptr<py::object>;

Shared share(py::object object) {
  return {new py::object(std::move(object)), [](py::object* held) {
            const py::gil_scoped_acquire gil;
            delete held;
          }};
}

/// Calls with the GIL and turns what is raised into an error, which for another than webpool.Error
/// is Internal with `hint`.
template <class Call>
auto called(const std::string& who, const std::string& hint, Call call)
    -> Result<decltype(call())> {
  const py::gil_scoped_acquire gil;
  try {
    if constexpr (std::is_void_v<decltype(call())>) {
      call();
      return {};
    } else {
      return call();
    }
  } catch (py::error_already_set& raised) {
    return std::unexpected(errorOf(raised, ErrorCategory::Internal, who + " failed", hint));
  } catch (const std::exception& wrong) {
    return fail(ErrorCategory::Internal, who + " gave something unexpected: " + wrong.what(), hint);
  }
}

/// A dict of arrays is tensors, anything else JSON.
BackendAnswer answerOf(const py::object& said) {
  if (py::isinstance<py::dict>(said) && py::len(said) > 0) {
    bool arrays = true;
    for (const auto& [name, value] : py::cast<py::dict>(said)) {
      arrays = arrays && py::hasattr(value, "__array__");
    }
    if (arrays) return {"", tensorsOf(py::cast<py::dict>(said))};
  }
  return {py::cast<std::string>(py::module_::import("json").attr("dumps")(said)), {}};
}

BackendRun runOf(const std::string& name, const Shared& model) {
  return [name, model](const Content& content, const std::stop_token&) {
    return called(
        "the backend '" + name + "'",
        "mend what its initialization_function returned: it takes these inputs, and gives a "
        "dict of arrays or what JSON has",
        [&] { return answerOf((*model)(contentToPython(content))); });
  };
}

py::dict sourceToPython(const BackendSource& source) {
  py::dict files;
  for (const auto& [path, bytes] : source.files) {
    files[py::str(path)] = py::bytes(std::string(bytes.text()));
  }
  py::dict object;
  object["model_name"] = source.description.name;
  object["model_type"] = source.modelType;
  object["task"] = source.description.task;
  object["dtype"] = source.description.dtype;
  object["cid"] = source.description.cid;
  object["files"] = files;
  return object;
}

class PythonIntegration final : public BrowserIntegration {
 public:
  explicit PythonIntegration(py::object object) : object_(share(std::move(object))) {}

  Result<HardwarePreferences> optimizeForBrowser(const std::string& browserName,
                                                 const std::string& modelType) override {
    return called(
        "optimize_for_browser", "mend it, or take it away with set_browser_integration(None)", [&] {
          return preferencesOf(object_->attr("optimize_for_browser")(browserName, modelType));
        });
  }

 private:
  Shared object_;
};

class PythonPolicy final : public MemoryPolicy {
 public:
  explicit PythonPolicy(py::object object) : object_(share(std::move(object))) {}

  Result<void> allocateMemory(const std::string& modelType, std::uint64_t modelSize) override {
    const auto said =
        called("allocate_memory", "mend it, or take it away with set_memory_policy(None)", [&] {
          const auto answer = py::object(object_->attr("allocate_memory")(modelType, modelSize));
          return answer.is_none() || py::cast<bool>(py::bool_(answer));
        });
    if (!said) return std::unexpected(said.error());
    if (*said) return {};
    return fail(ErrorCategory::OutOfMemory,
                "the memory policy refused a " + modelType + " model of " +
                    std::to_string(modelSize) + " bytes",
                "a smaller precision, or another policy");
  }

  /// What it may leave out, and what fails in it, is the pool's own choice.
  double worthKeeping(const KeptModel& model) override {
    const auto said = called("worth_keeping", "", [&] {
      if (!py::hasattr(*object_, "worth_keeping")) return model.worth;
      const auto seconds = [](std::chrono::nanoseconds time) {
        return std::chrono::duration<double>(time).count();
      };
      py::dict facts;
      facts["model_name"] = model.name;
      facts["task"] = model.task;
      facts["dtype"] = model.dtype;
      facts["bytes"] = model.bytes;
      facts["load_seconds"] = seconds(model.load);
      facts["unused_seconds"] = seconds(model.unused);
      facts["calls_per_second"] = model.callsPerSecond;
      facts["chance_soon"] = model.chanceSoon;
      facts["worth"] = model.worth;
      return py::cast<double>(py::object(object_->attr("worth_keeping")(facts)));
    });
    return said.value_or(model.worth);
  }

 private:
  Shared object_;
};

}  // namespace

void initExtensions(Integration& integration) {
  using Bridge = ResourcePoolBridgeIntegration;
  integration
      .def("register_hardware_backend",
           [](Bridge& bridge, const std::string& name, const py::object& detect,
              const py::object& initialize, int priority, bool isRealHardware) {
             const auto who = "the backend '" + name + "'";
             HardwareBackend backend;
             backend.priority = priority;
             backend.isRealHardware = isRealHardware;
             backend.detect = [who, call = share(detect)] {
               return called("the detection_function of " + who,
                             "mend it, or leave the backend out of the priority_list",
                             [&] { return py::cast<bool>(py::bool_((*call)())); });
             };
             backend.initialize = [who, name, call = share(initialize)](
                                      const BackendSource& source) -> Result<BackendRun> {
               return called("the initialization_function of " + who,
                             "mend it, or leave the backend out of the priority_list", [&] {
                               auto model = py::object((*call)(sourceToPython(source)));
                               if (PyCallable_Check(model.ptr()) == 0) {
                                 throw std::runtime_error("it is nothing that can be called");
                               }
                               return runOf(name, share(std::move(model)));
                             });
             };
             orRaise(bridge.registerHardwareBackend(name, std::move(backend)));
           })
      .def("set_browser_integration",
           [](Bridge& bridge, py::object object) {
             bridge.setBrowserIntegration(
                 object.is_none() ? nullptr
                                  : std::make_shared<PythonIntegration>(std::move(object)));
           })
      .def("set_memory_policy", [](Bridge& bridge, py::object object) {
        bridge.setMemoryPolicy(
            object.is_none() ? nullptr : std::make_shared<PythonPolicy>(std::move(object)));
      });
}

}  // namespace webpool::python
