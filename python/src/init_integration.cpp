#include "python.h"

namespace webpool::python {
namespace {

constexpr const char* kYesOrNo = "True or False";

[[noreturn]] void raiseArgument(const std::string& message, const std::string& hint) {
  raise(Error{ErrorCategory::InvalidArgument, message, hint});
}

bool isFlag(py::handle value) {
  return py::isinstance<py::bool_>(value) ||
         py::isinstance(value, py::module_::import("numpy").attr("bool_"));
}

/// pybind11 would also take a number, and any object that has a truth of its own, for a flag, and a
/// flag for a number.
template <class T>
bool isOfKind(py::handle value) {
  if constexpr (std::is_same_v<T, bool> || std::is_same_v<T, std::optional<bool>>) {
    return isFlag(value);
  } else if constexpr (std::is_integral_v<T>) {
    return !isFlag(value);
  }
  return true;
}

/// `hint` says what it takes.
template <class T>
void take(const py::dict& given, const char* name, T& into, const std::string& hint) {
  if (!given.contains(name) || py::object(given[name]).is_none()) return;
  const py::object value = given[name];
  const auto wrong = [&] {
    return Error{ErrorCategory::InvalidArgument,
                 std::string(name) + " is not to be " + shown(value), hint};
  };
  if (!isOfKind<T>(value)) raise(wrong());
  try {
    if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
      // Of a fraction and of an array of one it would make a whole number, too.
      const auto whole = py::reinterpret_steal<py::object>(PyNumber_Index(value.ptr()));
      if (!whole) throw py::error_already_set();
      into = py::cast<T>(whole);
    } else {
      into = py::cast<T>(value);
    }
  } catch (const py::cast_error&) {
    raise(wrong());
  } catch (py::error_already_set& raised) {
    raiseFrom(raised, wrong());
  }
  // Where C reads a text with a NUL, it ends there.
  if constexpr (std::is_same_v<T, std::string>) {
    if (into.contains('\0')) raise(wrong());
  } else if constexpr (std::is_same_v<T, std::optional<std::string>>) {
    if (into->contains('\0')) raise(wrong());
  }
}

void takePath(const py::dict& given, const char* name, std::filesystem::path& into) {
  if (!given.contains(name) || py::object(given[name]).is_none()) return;
  const py::object value = given[name];
  try {
    into = pathOf(value, name, ErrorCategory::InvalidArgument);
  } catch (py::error_already_set& raised) {
    raiseFrom(raised,
              {ErrorCategory::InvalidArgument, std::string(name) + " is not to be " + shown(value),
               "a path: a str or a pathlib.Path"});
  }
}

void expectKeys(const py::dict& given, std::initializer_list<std::string_view> known,
                const char* of) {
  for (const auto& [key, value] : given) {
    const auto name = readable(key);
    if (std::ranges::find(known, name) != known.end()) continue;
    std::string all;
    for (const auto one : known) all += (all.empty() ? "" : ", ") + std::string(one);
    raiseArgument(std::string(of) + " have no '" + name + "'", all);
  }
}

constexpr const char* kExample = R"(give {"priority_list": ["webgpu", "cpu"]}, for example)";

py::dict preferencesDict(py::handle given) {
  try {
    return py::cast<py::dict>(given);
  } catch (py::error_already_set& raised) {
    raiseFrom(raised, errorOf(raised, ErrorCategory::InvalidArgument,
                              "the hardware preferences can't be read", kExample));
  }
}

}  // namespace

HardwarePreferences preferencesOf(py::handle given) {
  HardwarePreferences preferences;
  if (given.is_none()) return preferences;
  if (!py::hasattr(given, "keys")) {
    raiseArgument("hardware preferences are a dict, and not " + shown(given), kExample);
  }
  const auto dict = preferencesDict(given);
  expectKeys(dict,
             {"priority_list", "browser", "precision", "mixed_precision", "context_length",
              "model_family", "p2p_optimization", "enable_ipfs", "compute_shaders",
              "precompile_shaders", "parallel_loading"},
             "hardware preferences");
  const auto one = dict.contains("priority_list") && py::isinstance<py::str>(dict["priority_list"])
                       ? readable(dict["priority_list"])
                       : std::string("webgpu', 'cpu");
  take(dict, "priority_list", preferences.priorityList, "a list: ['" + one + "']");
  take(dict, "browser", preferences.browser, "the name of a browser: 'firefox'");
  take(dict, "precision", preferences.precision, "the bits of the weights: 32, 16, 8 or 4");
  take(dict, "mixed_precision", preferences.mixedPrecision, kYesOrNo);
  take(dict, "context_length", preferences.contextLength, "a number of tokens: 8192");
  take(dict, "p2p_optimization", preferences.p2pOptimization, kYesOrNo);
  (void)textIn(dict, "model_family", "a name: 'bert'");
  bool byCid = true;
  take(dict, "enable_ipfs", byCid, kYesOrNo);
  if (!byCid) {
    raise(Error{ErrorCategory::Unsupported,
                "models come into a browser by their CIDs, there is no other way",
                "leave enable_ipfs out"});
  }
  take(dict, "compute_shaders", preferences.computeShaders, kYesOrNo);
  take(dict, "precompile_shaders", preferences.precompileShaders, kYesOrNo);
  take(dict, "parallel_loading", preferences.parallelLoading, kYesOrNo);
  return preferences;
}

std::string textIn(const py::dict& given, const char* name, const std::string& hint) {
  std::string text;
  take(given, name, text, hint);
  return text;
}

BridgeOptions bridgeOptionsOf(const py::dict& given) {
  BridgeOptions options;
  const std::string number = "a whole number, 0 or more";
  take(given, "max_connections", options.maxConnections, number);
  take(given, "min_connections", options.minConnections, number);
  take(given, "browser_preferences", options.browserPreferences,
       R"(a browser for each type of models: {"audio": "firefox"})");
  take(given, "headless", options.headless, kYesOrNo);
  take(given, "ephemeral", options.ephemeral, kYesOrNo);
  take(given, "max_memory_mb", options.maxMemoryMb, number);
  take(given, "url", options.pool.url, "the address of a webpool serve: 'http://127.0.0.1:8080'");
  take(given, "token", options.pool.token, "a str");
  take(given, "p2p_optimization", options.p2pOptimization, kYesOrNo);
  take(given, "enable_gpu", options.enableGpu, kYesOrNo);
  take(given, "enable_cpu", options.enableCpu, kYesOrNo);
  take(given, "browsers", options.pool.browsers, "a list of names: ['chromium', 'firefox']");
  take(given, "log_level", options.pool.logLevel, "trace, debug, info, warn, error or off");
  takePath(given, "data_folder", options.pool.dataFolder);
  takePath(given, "cache_folder", options.pool.cacheFolder);
  takePath(given, "db_path", options.dbPath);
  return options;
}

void initIntegration(py::module_& module) {
  using Bridge = ResourcePoolBridgeIntegration;
  using ModelPtr = std::shared_ptr<EnhancedWebModel>;
  Integration integration(module, "Integration");
  initExtensions(integration);
  integration
      .def(py::init([](const py::dict& options) {
             return std::shared_ptr<Bridge>(new Bridge(bridgeOptionsOf(options)),
                                            [](Bridge* bridge) {
                                              // Ends browsers, which takes a while.
                                              const py::gil_scoped_release released;
                                              delete bridge;
                                            });
           }),
           py::arg("options"))
      .def("initialize",
           [](const std::shared_ptr<Bridge>& bridge) {
             orRaise(waitFor({}, [&](const std::stop_token&) { return bridge->initialize(); }));
           })
      .def(
          "get_model",
          [](const std::shared_ptr<Bridge>& bridge, const std::string& type,
             const std::string& name, py::handle preferences, const Stop& stop) {
            const auto wanted = preferencesOf(preferences);
            return orRaise(waitFor(stop, [&](const std::stop_token& token) {
              return bridge->getModel(type, name, wanted, token);
            }));
          },
          py::arg("model_type"), py::arg("model_name"), py::arg("hardware_preferences"),
          py::arg("stop") = nullptr)
      .def(
          "execute_concurrent",
          [](const std::shared_ptr<Bridge>& bridge,
             const std::vector<std::pair<std::variant<std::string, ModelPtr>, py::object>>& given,
             const Stop& stop) {
            std::vector<Bridge::Asked> asked;
            Inputs inputs;
            for (const auto& [model, input] : given) {
              inputs.add(input);
              if (!inputs.errors.back()) asked.emplace_back(model, inputs.contents.back());
            }
            const auto ran = waitFor(stop, [&](const std::stop_token& token) {
              return bridge->executeConcurrent(asked, token);
            });
            return toList(inputs, ran, [&](std::size_t i) {
              const auto& model = given[i].first;
              const auto* id = std::get_if<std::string>(&model);
              return refused(id != nullptr ? nullptr : std::get<ModelPtr>(model).get(),
                             id != nullptr ? *id : "", *inputs.errors[i]);
            });
          },
          py::arg("models_and_inputs"), py::arg("stop") = nullptr)
      .def("execution_stats",
           [](const Bridge& bridge) {
             ExecutionStats stats;
             {
               const py::gil_scoped_release released;
               stats = bridge.getExecutionStats();
             }
             return jsonToPython(stats.toJson());
           })
      .def("under_way",
           [](const Bridge& bridge) {
             const py::gil_scoped_release released;
             return bridge.getExecutionStats().currentlyUnderWay;
           })
      .def("close", [](Bridge& bridge) {
        const py::gil_scoped_release released;
        bridge.close();
      });
}

}  // namespace webpool::python
