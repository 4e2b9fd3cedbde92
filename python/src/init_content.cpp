// From what a Python program has to Content, and from results to dicts.
#include <pybind11/numpy.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <span>
#include <type_traits>
#include <variant>

#include "bridge/request.h"
#include "bridge/sound_content.h"
#include "pipelines/generation_json.h"
#include "python.h"

namespace webpool::python {
namespace {

[[noreturn]] void raiseInput(const std::string& message, const std::string& hint) {
  raise(Error{ErrorCategory::InvalidInput, message, hint});
}

constexpr std::pair<DataType, const char*> kNumpyTypes[] = {
    {DataType::Bool, "bool"},     {DataType::Uint8, "uint8"},   {DataType::Uint16, "uint16"},
    {DataType::Uint32, "uint32"}, {DataType::Uint64, "uint64"}, {DataType::Int8, "int8"},
    {DataType::Int16, "int16"},   {DataType::Int32, "int32"},   {DataType::Int64, "int64"},
    {DataType::Fp16, "float16"},  {DataType::Fp32, "float32"},  {DataType::Fp64, "float64"},
    {DataType::Bf16, "uint16"},
};

std::string textOf(py::handle text, const std::string& what = "a text") {
  return python::textOf(text, what, ErrorCategory::InvalidInput);
}

std::filesystem::path pathOf(const std::string& path, const std::string& what) {
  return python::pathOf(path, what, ErrorCategory::InvalidInput);
}

Bytes copyOfBuffer(const py::handle& object) {
  const auto contiguous = py::reinterpret_steal<py::bytes>(PyBytes_FromObject(object.ptr()));
  if (!contiguous) throw py::error_already_set();
  return Bytes::copyOf(std::string_view(contiguous));
}

/// Rows of 3 or 4 bytes a pixel; the alpha goes along where there is one.
Tensor tensorOfImage(py::handle image) {
  const auto mode = py::cast<std::string>(image.attr("mode"));
  const bool hasAlpha = mode.ends_with('A') || mode.ends_with('a') ||
                        (py::hasattr(image, "info") && image.attr("info").contains("transparency"));
  const auto pixels = image.attr("convert")(hasAlpha ? "RGBA" : "RGB");
  const auto size = py::cast<std::pair<std::int64_t, std::int64_t>>(pixels.attr("size"));
  return Tensor{"",
                DataType::Uint8,
                {size.second, size.first, hasAlpha ? 4 : 3},
                copyOfBuffer(pixels.attr("tobytes")())};
}

/// An array, or a (nested) list of numbers: ints as INT64, floats as FP32, as models take them.
Tensor tensorOf(std::string name, py::handle given) {
  const auto numpy = py::module_::import("numpy");
  py::object array = numpy.attr("asarray")(given);
  const bool list = py::isinstance<py::list>(given) || py::isinstance<py::float_>(given);
  if (list && py::cast<std::string>(array.attr("dtype").attr("name")) == "float64") {
    array = array.attr("astype")("float32");
  }
  // Little-endian and row-major, as on this machine.
  array = numpy.attr("asarray")(array, py::arg("order") = "C",
                                py::arg("dtype") = array.attr("dtype").attr("newbyteorder")("<"));
  const auto wanted = py::cast<std::string>(array.attr("dtype").attr("name"));
  const auto shape = py::cast<Shape>(numpy.attr("shape")(array));
  for (const auto& [type, numpyName] : kNumpyTypes) {
    if (wanted == numpyName) {
      return {std::move(name), type, shape, copyOfBuffer(array.attr("tobytes")())};
    }
  }
  raiseInput("an array of " + wanted + " is no tensor", "bool, int8 to uint64, float16 to float64");
}

unsigned rateOf(const py::object& given) {
  double rate = 0;
  try {
    rate = py::cast<double>(given);
  } catch (const py::cast_error&) {  // told below, as any other that is none
  }
  if (rate >= 1 && rate <= std::numeric_limits<unsigned>::max() && rate == std::floor(rate)) {
    return static_cast<unsigned>(rate);
  }
  raiseInput("a sampling_rate is no " + shown(given),
             "give the samples a second that it was recorded with: 16000 or 44100, for example");
}

bool hasAttributes(py::handle given, std::initializer_list<const char*> names) {
  for (const auto* name : names) {
    if (!py::hasattr(given, name)) return false;
  }
  return true;
}

bool isMessage(py::handle given) {
  if (!py::isinstance<py::dict>(given)) return false;
  const auto dict = py::reinterpret_borrow<py::dict>(given);
  return dict.contains("role") && dict.contains("content");
}

/// An object as JSON, by Python's own json; `what` it is ("max_tokens").
boost::json::value jsonOf(const py::handle& object, const std::string& what) {
  constexpr auto kPlain = "give texts, finite numbers, lists and dicts of them";
  std::string text;
  try {
    const auto plain = py::module_::import("webpool._errors").attr("plain");
    const auto written = py::module_::import("json").attr("dumps")(
        object, py::arg("ensure_ascii") = false, py::arg("allow_nan") = false,
        py::arg("default") = plain);
    text = python::textOf(written, what, ErrorCategory::InvalidArgument);
  } catch (py::error_already_set& raised) {
    raiseFrom(raised,
              errorOf(raised, ErrorCategory::InvalidArgument, what + " can't be JSON", kPlain));
  }
  boost::system::error_code broken;
  auto value = boost::json::parse(text, broken);
  if (broken) {
    raise(Error{ErrorCategory::InvalidArgument, what + ": " + broken.message(), kPlain});
  }
  return value;
}

Message messageOf(py::handle given) {
  constexpr auto kExample = R"({"role": "user", "content": "a text"})";
  if (!isMessage(given)) raiseInput("a message is a dict with role and content", kExample);
  const auto dict = py::reinterpret_borrow<py::dict>(given);
  for (const auto& [key, value] : dict) {
    const auto name = readable(key);
    if (name == "role" || name == "content" || name == "tool_calls" || name == "tool_call_id" ||
        name == "name") {
      continue;
    }
    raiseInput("a message has no '" + name + "'", "role, content, tool_calls, tool_call_id");
  }
  const py::object role = dict["role"];
  const py::object content = dict["content"];
  if (py::isinstance<py::str>(role) && py::isinstance<py::str>(content) &&
      !dict.contains("tool_calls") && !dict.contains("tool_call_id")) {
    return {textOf(role), textOf(content)};
  }
  const bool written = py::isinstance<py::list>(content) || content.is_none();
  if (!py::isinstance<py::str>(role) || !(py::isinstance<py::str>(content) || written)) {
    raiseInput("a message's role and content are texts", kExample);
  }
  return orRaise(pipelines::messageFromJson(jsonOf(dict, "a message")));
}

Content listOf(const py::sequence& items) {
  bool texts = true;
  bool messages = py::len(items) > 0;
  bool numbers = py::len(items) > 0;
  for (const auto& item : items) {
    texts = texts && py::isinstance<py::str>(item);
    messages = messages && isMessage(item);
    numbers = numbers && (py::isinstance<py::int_>(item) || py::isinstance<py::float_>(item) ||
                          py::isinstance<py::list>(item));
  }
  if (texts) {
    std::vector<std::string> all;
    for (const auto& item : items) all.push_back(textOf(item));
    return all;
  }
  if (messages) {
    std::vector<Message> all;
    for (const auto& item : items) all.push_back(messageOf(item));
    return all;
  }
  if (numbers) return std::vector{tensorOf("", items)};
  raiseInput("a list holds texts, messages (role and content) or numbers",
             "give a list of other things to run_batch() or run_concurrent()");
}

/// {"image" or "images", "text" or "texts"}: one or a list of each.
std::optional<PicturesAndTexts> picturesAndTextsOf(const py::dict& dict) {
  const auto* image = dict.contains("image") ? "image" : "images";
  const auto* text = dict.contains("text") ? "text" : "texts";
  if (!dict.contains(image) || !dict.contains(text)) return std::nullopt;
  PicturesAndTexts both;
  const auto take = [&](py::handle one) {
    auto content = contentOf(one);
    if (auto* path = std::get_if<std::string>(&content)) {
      both.pictures.emplace_back(pathOf(*path, "the path of a picture"));
    } else if (auto* file = std::get_if<std::filesystem::path>(&content)) {
      both.pictures.emplace_back(std::move(*file));
    } else if (auto* bytes = std::get_if<Bytes>(&content)) {
      both.pictures.emplace_back(std::move(*bytes));
    } else if (auto* tensors = std::get_if<std::vector<Tensor>>(&content);
               tensors != nullptr && tensors->size() == 1) {
      both.pictures.emplace_back(std::move(tensors->front()));
    } else {
      raiseInput("a picture is bytes, a path, an array or a PIL image, and not " + typeName(one),
                 "give the bytes of a PNG or JPEG file, its path, an array or a PIL image");
    }
  };
  const py::object images = dict[image];
  if (py::isinstance<py::list>(images) || py::isinstance<py::tuple>(images)) {
    for (const auto& one : images) take(one);
  } else {
    take(images);
  }
  const py::object texts = dict[text];
  if (py::isinstance<py::str>(texts)) {
    both.texts.push_back(textOf(texts));
  } else {
    for (const auto& one : texts) {
      if (!py::isinstance<py::str>(one)) {
        raiseInput("a text is a str, and not " + typeName(one), "give a str, or a list of str");
      }
      both.texts.push_back(textOf(one));
    }
  }
  return both;
}

/// Numbers in an array or a (nested) list: a tensor.
bool isNumbers(py::handle given) {
  if (py::isinstance<py::list>(given) || py::isinstance<py::tuple>(given)) {
    const auto items = py::reinterpret_borrow<py::sequence>(given);
    return std::all_of(items.begin(), items.end(), isNumbers);
  }
  return py::isinstance<py::int_>(given) || py::isinstance<py::float_>(given) ||
         py::hasattr(given, "__array__");
}

/// The content that a dict names; what is left in it is how the call is to be answered.
std::optional<Content> takeContent(const py::dict& rest) {
  const auto take = [&](const char* name) {
    py::object value = rest[name];
    PyDict_DelItemString(rest.ptr(), name);
    return value;
  };
  if (rest.contains("messages")) {
    const auto messages = take("messages");
    if (py::isinstance<py::list>(messages) || py::isinstance<py::tuple>(messages)) {
      auto content = listOf(py::reinterpret_borrow<py::sequence>(messages));
      if (std::holds_alternative<std::vector<Message>>(content)) return content;
    }
    raiseInput("'messages' is no list of messages", R"([{"role": "user", "content": "a text"}])");
  }
  // As datasets of sound come.
  if (rest.contains("array") && rest.contains("sampling_rate")) {
    auto samples = tensorOf("", take("array"));
    const auto rate = rateOf(take("sampling_rate"));
    if (rest.contains("path")) take("path");  // says where the samples were read from
    return orRaise(bridge::soundFrom(samples, rate));
  }
  if (auto both = picturesAndTextsOf(rest)) {
    for (const auto* name : {"image", "images", "text", "texts"}) {
      if (rest.contains(name)) take(name);
    }
    return std::move(*both);
  }
  for (const auto* name : {"text", "texts"}) {
    if (rest.contains(name)) return contentOf(take(name));
  }
  for (const auto* name : {"image", "audio", "file", "path"}) {
    if (!rest.contains(name)) continue;
    auto content = contentOf(take(name));
    // A str there is no text, whatever the model takes.
    if (auto* path = std::get_if<std::string>(&content)) {
      return pathOf(*path, std::string("the path in '") + name + "'");
    }
    return content;
  }
  return std::nullopt;
}

Content dictOf(const py::dict& dict) {
  if (isMessage(dict)) return std::vector{messageOf(dict)};
  const bool isSound = dict.contains("array") && dict.contains("sampling_rate");
  const bool isOne = py::len(dict) == 1;
  const bool isAsked = dict.contains("messages") || dict.contains("language") ||
                       (dict.contains("audio") && dict.contains("translate"));
  bool numbers = !isAsked && !isSound;
  for (const auto& [name, value] : dict) numbers = numbers && isNumbers(value);
  if (numbers && !isOne) return tensorsOf(dict);
  const py::dict rest(dict.attr("copy")());
  if (auto content = takeContent(rest)) return withOptions(std::move(*content), rest);
  for (const auto& [name, value] : dict) {
    if (isNumbers(value)) continue;
    raiseInput("'" + readable(name) + "' is neither content nor a tensor, but a " + typeName(value),
               "beside arrays a dict holds one of messages, text, image, audio, file and path, "
               "and options of the call");
  }
  return tensorsOf(dict);
}

/// Ctrl-C is thrown on.
Result<Content> tryContent(py::handle given) {
  try {
    return givenContent(given);
  } catch (py::error_already_set& raised) {
    if (!raised.matches(PyExc_Exception)) throw;
    return std::unexpected(errorOf(raised, ErrorCategory::InvalidInput, "the input failed", ""));
  }
}

/// A name that is not UTF-8 is one all the same.
py::object pathToPython(const std::filesystem::path& path) {
  const auto name = py::module_::import("os").attr("fsdecode")(py::bytes(path.native()));
  return py::module_::import("pathlib").attr("Path")(name);
}

py::object tensorToPython(const Tensor& tensor) {
  if (tensor.type == DataType::Bytes) {
    py::list items;
    auto rest = tensor.data.text();
    while (rest.size() >= 4) {
      std::uint32_t length = 0;
      std::memcpy(&length, rest.data(), 4);
      items.append(py::bytes(std::string(rest.substr(4, length))));
      rest.remove_prefix(4 + std::min<std::size_t>(length, rest.size() - 4));
    }
    return items;
  }
  const auto* name = "uint8";
  for (const auto& [type, numpyName] : kNumpyTypes) {
    if (type == tensor.type) name = numpyName;
  }
  return py::array(py::dtype(name),
                   std::vector<py::ssize_t>(tensor.shape.begin(), tensor.shape.end()),
                   tensor.data.data());
}

}  // namespace

Content contentOf(py::handle given) {
  if (py::isinstance<py::str>(given)) return textOf(given);
  if (py::isinstance<py::bytes>(given) || py::isinstance<py::bytearray>(given) ||
      py::isinstance<py::memoryview>(given)) {
    return copyOfBuffer(given);
  }
  if (py::hasattr(given, "__fspath__")) {
    return python::pathOf(given, "a path", ErrorCategory::InvalidInput);
  }
  if (py::isinstance<py::dict>(given)) return dictOf(py::reinterpret_borrow<py::dict>(given));
  // A PIL image.
  if (hasAttributes(given, {"convert", "tobytes", "size", "mode"})) {
    return std::vector{tensorOfImage(given)};
  }
  if (py::hasattr(given, "__array__")) return std::vector{tensorOf("", given)};
  if (py::isinstance<py::list>(given) || py::isinstance<py::tuple>(given)) {
    return listOf(py::reinterpret_borrow<py::sequence>(given));
  }
  raiseInput("no model takes a " + typeName(given),
             "str, list, dict, bytes, a path, a numpy array or a PIL image");
}

Content withOptions(Content content, const py::dict& options) {
  boost::json::object object;
  for (const auto& [key, value] : options) {
    const auto name = readable(key);
    // One that is no option is named as such, whatever its value.
    object[name] = bridge::isOption(name) ? jsonOf(value, name) : boost::json::value();
  }
  return orRaise(bridge::withOptions(std::move(content), object));
}

void Inputs::add(py::handle given) {
  auto content = tryContent(given);
  errors.emplace_back(content ? std::nullopt : std::optional(content.error()));
  if (content) contents.push_back(std::move(*content));
}

Content givenContent(py::handle given) {
  const auto what = "a " + typeName(given) + " can't be read";
  const std::string hint = "give a str, list, dict, bytes, a path, a numpy array or a PIL image";
  try {
    return contentOf(given);
  } catch (py::error_already_set& raised) {
    raiseFrom(raised, errorOf(raised, ErrorCategory::InvalidInput, what, hint));
  } catch (const std::exception& wrong) {
    raise(Error{ErrorCategory::InvalidInput, what + ": " + wrong.what(), hint});
  }
}

WebModelResult refused(const EnhancedWebModel* model, const std::string& id, const Error& error) {
  WebModelResult result;
  result.modelId = id;
  if (model != nullptr) {
    result.modelId = model->modelId();
    result.modelName = model->modelName();
    result.modelType = model->modelType();
  }
  result.error = error;
  return result;
}

py::object contentToPython(const Content& content) {
  if (const auto* text = std::get_if<std::string>(&content)) return py::str(*text);
  if (const auto* texts = std::get_if<std::vector<std::string>>(&content)) return py::cast(*texts);
  if (const auto* bytes = std::get_if<Bytes>(&content)) {
    return py::bytes(std::string(bytes->text()));
  }
  if (const auto* path = std::get_if<std::filesystem::path>(&content)) return pathToPython(*path);
  if (const auto* messages = std::get_if<std::vector<Message>>(&content)) {
    return jsonToPython(boost::json::serialize(pipelines::toJson(std::span(*messages))));
  }
  if (const auto* request = std::get_if<GenerationRequest>(&content)) {
    auto object = bridge::optionsOf(content);
    object["messages"] = pipelines::toJson(std::span(request->messages));
    return jsonToPython(boost::json::serialize(object));
  }
  if (const auto* request = std::get_if<TranscriptionRequest>(&content)) {
    auto object = jsonToPython(boost::json::serialize(bridge::optionsOf(content)));
    object["audio"] = contentToPython(std::visit(
        []<class Kind>(const Kind& kind) {
          if constexpr (std::is_same_v<Kind, Tensor>) {
            return Content(std::vector{kind});
          } else {
            return Content(kind);
          }
        },
        request->sound));
    return object;
  }
  if (const auto* sound = std::get_if<Sound>(&content)) {
    py::dict one;
    one["array"] = py::array_t<float>(py::ssize_t(sound->samples.size()), sound->samples.data());
    one["sampling_rate"] = sound->rate;
    return one;
  }
  if (const auto* both = std::get_if<PicturesAndTexts>(&content)) {
    py::list pictures;
    for (const auto& one : both->pictures) {
      if (const auto* bytes = std::get_if<Bytes>(&one)) {
        pictures.append(py::bytes(std::string(bytes->text())));
      } else if (const auto* path = std::get_if<std::filesystem::path>(&one)) {
        pictures.append(pathToPython(*path));
      } else {
        pictures.append(tensorToPython(std::get<Tensor>(one)));
      }
    }
    py::dict object;
    object["images"] = std::move(pictures);
    object["texts"] = py::cast(both->texts);
    return object;
  }
  const auto& tensors = std::get<std::vector<Tensor>>(content);
  if (tensors.size() == 1 && tensors.front().name.empty()) return tensorToPython(tensors.front());
  return tensorsToPython(tensors);
}

std::vector<Tensor> tensorsOf(const py::dict& arrays) {
  std::vector<Tensor> tensors;
  for (const auto& [name, array] : arrays) {
    tensors.push_back(tensorOf(textOf(py::str(name), "the name of a tensor"), array));
  }
  return tensors;
}

py::dict tensorsToPython(const std::vector<Tensor>& tensors) {
  py::dict arrays;
  for (const auto& tensor : tensors) arrays[py::str(tensor.name)] = tensorToPython(tensor);
  return arrays;
}

py::object jsonToPython(const std::string& json) {
  // What an error says may hold a file's name, which is any bytes.
  auto* text = PyUnicode_DecodeUTF8(json.data(), Py_ssize_t(json.size()), "replace");
  if (text == nullptr) throw py::error_already_set();
  return py::module_::import("json").attr("loads")(py::reinterpret_steal<py::object>(text));
}

py::object resultToPython(const WebModelResult& result) {
  return resultToPython(result.toJson(), result);
}

py::object resultToPython(const std::string& json, const WebModelResult& result) {
  auto object = jsonToPython(json);
  object["result"] = py::object(object["output"]);
  if (!result.tensors.empty()) object["tensors"] = tensorsToPython(result.tensors);
  return object;
}

void initContent(py::module_& module) {
  // For tests of the conversion alone.
  module.def("_through_content",
             [](py::handle given) { return contentToPython(contentOf(given)); });
}

}  // namespace webpool::python
