// What the domains of the module share: waiting without the GIL, errors, conversions.
#pragma once

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

#include "webpool/accelerate.h"

namespace webpool::python {

namespace py = pybind11;

/// Sets webpool.Error as Python's exception and throws it.
[[noreturn]] void raise(const Error& error);

template <class T>
T orRaise(Result<T> result) {
  if (!result) raise(result.error());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

/// str, list, dict, bytes, path, numpy array, PIL image. Raises webpool.Error (invalid_input).
Content contentOf(py::handle given);

/// What a callback of Python is given for it.
py::object contentToPython(const Content& content);

/// A dict of what ran and what came out; the tensors as numpy arrays under "tensors".
py::object resultToPython(const WebModelResult& result);
py::object jsonToPython(const std::string& json);
py::dict tensorsToPython(const std::vector<Tensor>& tensors);
std::vector<Tensor> tensorsOf(const py::dict& arrays);

HardwarePreferences preferencesOf(py::handle given);
BridgeOptions bridgeOptionsOf(const py::dict& given);

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
