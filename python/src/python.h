// What the domains of the module share: waiting without the GIL, errors, conversions.
#pragma once

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <chrono>
#include <filesystem>
#include <future>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "webpool/accelerate.h"

namespace webpool::python {

namespace py = pybind11;

/// Sets webpool.Error as Python's exception and throws it.
[[noreturn]] void raise(const Error& error);
/// Likewise, with what was raised as its cause. A webpool.Error and what is no Exception (Ctrl-C)
/// is thrown on as it is.
[[noreturn]] void raiseFrom(py::error_already_set& raised, const Error& error);

/// str() and repr() of any object for a message, the latter cut short: half surrogates are escaped,
/// and of an object that fails at it stands the name of its type.
std::string readable(py::handle object);
std::string shown(py::handle object);
std::string typeName(py::handle object);

/// Raises webpool.Error where `what` has half of a surrogate pair, which has no UTF-8.
std::string textOf(py::handle text, const std::string& what, ErrorCategory category);

/// A path ends at a NUL for the system: one with a NUL would name another file than was given.
/// Raises webpool.Error there, of the category and by the name of `what`.
std::filesystem::path pathOf(std::string path, const std::string& what, ErrorCategory category);
/// The same of what os.fsencode() takes. Raises what that raises too.
std::filesystem::path pathOf(py::handle path, const std::string& what, ErrorCategory category);

/// What was raised as an error of ours. Where it is none, `what` failed ("the backend failed"), and
/// `hint` is the next step.
Error errorOf(py::error_already_set& raised, ErrorCategory otherwise, const std::string& what,
              const std::string& hint);

template <class T>
T orRaise(Result<T> result) {
  if (!result) raise(result.error());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

/// str, list, dict, bytes, path, numpy array, PIL image. Raises webpool.Error (invalid_input, or
/// invalid_argument for an option beside the content that is none), and what the objects in it
/// raise themselves.
Content contentOf(py::handle given);
/// The same of what a caller gave, whose objects' own failures are webpool.Error too.
Content givenContent(py::handle given);

/// With the options of one call (bridge/request.h). Raises webpool.Error (invalid_argument).
Content withOptions(Content content, const py::dict& options);

/// What a call is about, read and checked before it begins.
struct Request {
  Content content;
};

/// Of several inputs, those that are content, and by their places why the others are none.
struct Inputs {
  std::vector<Content> contents{};
  std::vector<std::optional<Error>> errors{};

  void add(py::handle given);
};

/// The failed result of a call that never came to be, for want of content.
WebModelResult refused(const EnhancedWebModel* model, const std::string& id, const Error& error);

/// What a callback of Python is given for it.
py::object contentToPython(const Content& content);

/// A dict of what ran and what came out; the tensors as numpy arrays under "tensors".
/// "result" is a second name of "output": the same object.
py::object resultToPython(const WebModelResult& result);
/// The same where `json` is what is said of it.
py::object resultToPython(const std::string& json, const WebModelResult& result);
py::object jsonToPython(const std::string& json);
py::dict tensorsToPython(const std::vector<Tensor>& tensors);
std::vector<Tensor> tensorsOf(const py::dict& arrays);

/// Results for all inputs in their order: those that ran, and what `refusedAt(i)` gives for the
/// others.
template <class RefusedAt>
py::list toList(const Inputs& inputs, const std::vector<WebModelResult>& ran, RefusedAt refusedAt) {
  py::list all;
  auto next = ran.begin();
  for (std::size_t i = 0; i < inputs.errors.size(); ++i) {
    all.append(resultToPython(inputs.errors[i] ? refusedAt(i) : *next++));
  }
  return all;
}

HardwarePreferences preferencesOf(py::handle given);
BridgeOptions bridgeOptionsOf(const py::dict& given);
/// "" where it is not there or None.
std::string textIn(const py::dict& given, const char* name, const std::string& hint);

bool isMainThread();

/// Calls `work` with a stop token, without the GIL. On Python's main thread signals are handled
/// meanwhile: where a handler raises (Ctrl-C), the stop is requested, the end of `work` awaited and
/// the exception thrown on.
template <class Work>
auto waitFor(const std::shared_ptr<std::stop_source>& given, Work work) {
  auto source = given ? *given : std::stop_source();
  if (!isMainThread()) {
    const py::gil_scoped_release released;
    return work(source.get_token());
  }
  auto done = std::async(std::launch::async, [&] { return work(source.get_token()); });
  bool interrupted = false;
  while (true) {
    {
      const py::gil_scoped_release released;
      if (interrupted) {
        done.wait();
        break;
      }
      if (done.wait_for(std::chrono::milliseconds(50)) == std::future_status::ready) break;
    }
    if (PyErr_CheckSignals() != 0) {
      source.request_stop();
      interrupted = true;
    }
  }
  if (interrupted) throw py::error_already_set();
  return done.get();
}

using Stop = std::shared_ptr<std::stop_source>;

void initContent(py::module_& module);
void initIntegration(py::module_& module);
using Integration =
    py::class_<ResourcePoolBridgeIntegration, std::shared_ptr<ResourcePoolBridgeIntegration>>;
void initExtensions(Integration& integration);
void initModel(py::module_& module);
void initAccelerate(py::module_& module);

}  // namespace webpool::python
