#include "onnx/model.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <protozero/exception.hpp>

#include "onnx/graph_reader.h"
#include "onnx/looks_like.h"
#include "onnx/protobuf.h"
#include "onnx/text.h"

namespace webpool::onnx {
namespace {

constexpr auto kAgain = "fetch the model file again, or export it anew";

std::unexpected<Error> damaged(std::string_view what) {
  return fail(ErrorCategory::InvalidModel, fmt::format("damaged model: {}", what), kAgain);
}

struct Opset {
  std::string_view domain;
  std::int64_t version = 0;
};

Opset readOpset(std::string_view bytes) {
  Opset out;
  auto reader = readerOf(bytes);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case lengthField(1):
        out.domain = toText(reader.get_view());
        break;
      case varintField(2):
        out.version = reader.get_int64();
        break;
      default:
        reader.skip();
    }
  }
  if (out.domain.empty()) out.domain = "ai.onnx";
  return out;
}

/// StringStringEntryProto; what is no UTF-8 is left out.
void readMetadata(std::string_view entryProto, std::map<std::string, std::string>& metadata) {
  std::string_view key, value;
  auto reader = readerOf(entryProto);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case lengthField(1):
        key = toText(reader.get_view());
        break;
      case lengthField(2):
        value = toText(reader.get_view());
        break;
      default:
        reader.skip();
    }
  }
  if (isUtf8(key) && isUtf8(value)) metadata[std::string(key)] = value;
}

std::string producerText(std::string_view name, std::string_view version) {
  if (!isUtf8(name) || !isUtf8(version)) return {};
  if (version.empty()) return std::string(name);
  return fmt::format("{} {}", name, version);
}

/// The top level; throws protozero::exception where the bytes are no protobuf.
Result<ModelInfo> readProto(std::string_view bytes) {
  ModelInfo info;
  std::string_view producer, producerVersion;
  std::optional<std::string_view> graph;
  std::vector<std::string_view> functions;
  auto reader = readerOf(bytes);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case varintField(1):
        info.irVersion = reader.get_int64();
        break;
      case lengthField(2):
        producer = toText(reader.get_view());
        break;
      case lengthField(3):
        producerVersion = toText(reader.get_view());
        break;
      case lengthField(7):
        if (graph) return damaged("it holds two graphs");
        graph = toText(reader.get_view());
        break;
      case lengthField(8): {
        const auto opset = readOpset(toText(reader.get_view()));
        if (!isUtf8(opset.domain)) return damaged("the name of an operator set is no UTF-8");
        info.opsets[std::string(opset.domain)] = opset.version;
        break;
      }
      case lengthField(14):
        readMetadata(toText(reader.get_view()), info.metadata);
        break;
      case lengthField(25):
        functions.push_back(toText(reader.get_view()));
        break;
      default:
        reader.skip();
    }
  }
  if (!graph) return damaged("it has no graph");
  if (info.irVersion < 1) return damaged("it states no ONNX version");
  info.producer = producerText(producer, producerVersion);
  GraphReader graphs(info);
  if (auto read = graphs.readMainGraph(*graph); !read) return std::unexpected(read.error());
  for (const auto function : functions) {
    if (auto read = graphs.readFunction(function); !read) return std::unexpected(read.error());
  }
  graphs.finish();
  // The operator sets follow the graph in files as exporters write them: none means a lost tail.
  if (info.opsets.empty()) return damaged("it names no operator set; the file may be cut off");
  return info;
}

Result<ModelInfo> tryRead(std::string_view bytes) {
  try {
    return readProto(bytes);
  } catch (const protozero::end_of_buffer_exception&) {
    return damaged("a field reaches past the end of its bytes; the file may be cut off");
  } catch (const protozero::exception& error) {
    return damaged(fmt::format("no valid protobuf ({})", error.what()));
  }
}

/// Every ModelProto begins with one of its few fields.
bool beginsLikeModel(std::string_view bytes) {
  const auto first = bytes.empty() ? 0u : static_cast<unsigned char>(bytes.front());
  return first == varintField(1) || first == lengthField(2) || first == lengthField(3) ||
         first == lengthField(4) || first == varintField(5) || first == lengthField(6) ||
         first == lengthField(7) || first == lengthField(8) || first == lengthField(14);
}

}  // namespace

Result<ModelInfo> readModel(std::span<const std::byte> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  auto model = tryRead(text);
  if (model || model.error().category != ErrorCategory::InvalidModel) return model;
  if (const auto looks = looksLike(bytes); !looks.what.empty()) {
    return fail(ErrorCategory::InvalidModel,
                fmt::format("not an ONNX model: it looks like {}", looks.what), looks.hint);
  }
  if (!beginsLikeModel(text)) {
    return fail(ErrorCategory::InvalidModel, "not an ONNX model: it is no protobuf message of one",
                "give an .onnx file");
  }
  return model;
}

const Port* ModelInfo::findInput(std::string_view name) const noexcept {
  const auto found = std::ranges::find(inputs, name, &Port::name);
  return found == inputs.end() ? nullptr : &*found;
}

const Port* ModelInfo::findOutput(std::string_view name) const noexcept {
  const auto found = std::ranges::find(outputs, name, &Port::name);
  return found == outputs.end() ? nullptr : &*found;
}

std::string portText(const Port& port) {
  if (!port.rankKnown) return fmt::format("{} of any shape", dataTypeName(port.type));
  std::string text;
  for (std::size_t i = 0; i < port.shape.size(); ++i) {
    if (i > 0) text += ", ";
    if (port.shape[i] >= 0) {
      text += std::to_string(port.shape[i]);
    } else {
      text += port.symbols[i].empty() ? "any" : port.symbols[i];
    }
  }
  return fmt::format("{} [{}]", dataTypeName(port.type), text);
}

}  // namespace webpool::onnx
