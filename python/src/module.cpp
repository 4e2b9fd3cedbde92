#include "bridge/advice.h"
#include "python.h"
#include "webpool/version.h"

namespace webpool::python {

void raise(const Error& error) {
  const auto type = py::module_::import("webpool._errors").attr("Error");
  const auto made = type(error.message, std::string(categoryName(error.category)),
                         bridge::nextStep(error), error.shouldRetry());
  PyErr_SetObject(type.ptr(), made.ptr());
  throw py::error_already_set();
}

Error errorOf(py::error_already_set& raised, ErrorCategory otherwise, const std::string& what,
              const std::string& hint) {
  const auto error = raised.value();
  const auto text = [&](const char* name) { return py::cast<std::string>(error.attr(name)); };
  if (raised.matches(py::module_::import("webpool._errors").attr("Error"))) {
    return {categoryFromName(text("error_category")), text("message"), text("recovery_suggestion")};
  }
  const auto kind = std::string(py::str(py::type::of(error).attr("__name__")));
  return {otherwise, what + ": " + kind + ": " + std::string(py::str(error)), hint};
}

bool isMainThread() {
  const auto threading = py::module_::import("threading");
  return threading.attr("current_thread")().is(threading.attr("main_thread")());
}

}  // namespace webpool::python

PYBIND11_MODULE(_webpool, module) {
  using namespace webpool::python;
  module.doc() = "webpool's C++ library; the package webpool is what to import.";
  py::class_<std::stop_source, std::shared_ptr<std::stop_source>>(module, "Stop")
      .def(py::init<>())
      .def("request", [](std::stop_source& stop) { return stop.request_stop(); });
  module.attr("__version__") = webpool::kVersion;
  initContent(module);
  initModel(module);
  initIntegration(module);
  initAccelerate(module);
}
