#include "bridge/advice.h"
#include "python.h"
#include "webpool/version.h"

namespace webpool::python {

namespace {

py::object errorType() {
  return py::module_::import("webpool._errors").attr("Error");
}

/// What a message holds may be a file's name, which is any bytes.
py::object decoded(const std::string& text) {
  auto* made = PyUnicode_DecodeUTF8(text.data(), Py_ssize_t(text.size()), "backslashreplace");
  if (made == nullptr) throw py::error_already_set();
  return py::reinterpret_steal<py::object>(made);
}

/// `made` is a str, or null where making it has raised.
std::optional<std::string> encoded(PyObject* made) {
  const auto text = py::reinterpret_steal<py::object>(made);
  const auto bytes = py::reinterpret_steal<py::bytes>(
      text ? PyUnicode_AsEncodedString(text.ptr(), "utf-8", "backslashreplace") : nullptr);
  if (bytes) return std::string(bytes);
  PyErr_Clear();
  return std::nullopt;
}

/// `cause` may be null.
[[noreturn]] void raiseWith(const Error& error, PyObject* cause) {
  const auto type = errorType();
  const auto made = type(decoded(error.message), std::string(categoryName(error.category)),
                         decoded(bridge::nextStep(error)), error.shouldRetry());
  if (cause != nullptr) PyException_SetCause(made.ptr(), py::handle(cause).inc_ref().ptr());
  PyErr_SetObject(type.ptr(), made.ptr());
  throw py::error_already_set();
}

}  // namespace

void raise(const Error& error) {
  raiseWith(error, nullptr);
}

void raiseFrom(py::error_already_set& raised, const Error& error) {
  if (!raised.matches(PyExc_Exception) || raised.matches(errorType())) throw raised;
  raiseWith(error, raised.value().ptr());
}

std::string typeName(py::handle object) {
  return encoded(PyObject_GetAttrString(py::type::handle_of(object).ptr(), "__name__"))
      .value_or("object");
}

std::string readable(py::handle object) {
  if (auto text = encoded(PyObject_Str(object.ptr()))) return *text;
  return "<" + typeName(object) + ">";
}

std::string shown(py::handle object) {
  constexpr std::size_t kMost = 80;
  auto text = encoded(PyObject_Repr(object.ptr()));
  if (!text) return "<" + typeName(object) + ">";
  if (text->size() <= kMost) return *text;
  auto end = kMost;
  while (end > 0 && (static_cast<unsigned char>((*text)[end]) & 0xC0U) == 0x80U) --end;
  return text->substr(0, end) + "…";
}

std::string textOf(py::handle text, const std::string& what, ErrorCategory category) {
  Py_ssize_t size = 0;
  if (const auto* utf8 = PyUnicode_AsUTF8AndSize(text.ptr(), &size)) {
    return {utf8, static_cast<std::size_t>(size)};
  }
  py::error_already_set half;
  raiseFrom(
      half,
      {category, what + " has half of a surrogate pair, which is no character",
       "decode it with errors=\"replace\", or encode it with \"surrogatepass\" and decode it"});
}

std::filesystem::path pathOf(std::string path, const std::string& what, ErrorCategory category) {
  if (const auto end = path.find('\0'); end != std::string::npos) {
    raise(Error{category, what + " has a NUL in it, after '" + path.substr(0, end) + "'",
                "leave it out: no path has one"});
  }
  return path;
}

std::filesystem::path pathOf(py::handle path, const std::string& what, ErrorCategory category) {
  const auto bytes = py::bytes(py::module_::import("os").attr("fsencode")(path));
  return pathOf(std::string(bytes), what, category);
}

Error errorOf(py::error_already_set& raised, ErrorCategory otherwise, const std::string& what,
              const std::string& hint) {
  const auto error = raised.value();
  if (raised.matches(errorType())) {
    const auto text = [&](const char* name) {
      return readable(py::getattr(error, name, py::str("")));
    };
    return {categoryFromName(text("error_category")), text("message"), text("recovery_suggestion")};
  }
  const auto said = encoded(PyObject_Str(error.ptr()));
  const auto message = what + ": " + typeName(error);
  return {otherwise, said && !said->empty() ? message + ": " + *said : message, hint};
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
  module.def("is_category", [](const std::string& name) {
    return webpool::categoryName(webpool::categoryFromName(name)) == name;
  });
  initContent(module);
  initModel(module);
  initIntegration(module);
  initAccelerate(module);
}
