#include "onnx/graph_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <vector>

#include "onnx/port_reader.h"
#include "onnx/protobuf.h"
#include "onnx/tensor_reader.h"
#include "onnx/text.h"

namespace webpool::onnx {
namespace {

constexpr int kMaxDepth = 32;

std::unexpected<Error> damaged(std::string what) {
  return fail(ErrorCategory::InvalidModel, "damaged model: " + std::move(what),
              "fetch the model file again, or export it anew");
}

std::string_view sparseValues(std::string_view sparseTensorProto) {
  auto reader = readerOf(sparseTensorProto);
  while (reader.next()) {
    if (reader.tag_and_type() == lengthField(1)) return toText(reader.get_view());
    reader.skip();
  }
  return {};
}

std::string_view tensorName(std::string_view tensorProto) {
  auto reader = readerOf(tensorProto);
  while (reader.next()) {
    if (reader.tag_and_type() == lengthField(8)) return toText(reader.get_view());
    reader.skip();
  }
  return {};
}

Result<void> addPorts(const std::vector<std::string_view>& protos,
                      const std::set<std::string_view>& leftOut, std::vector<Port>& ports) {
  std::set<std::string_view> seen;
  for (const auto proto : protos) {
    const auto name = portName(proto);
    if (leftOut.contains(name)) continue;
    auto port = readPort(proto);
    if (!port) return std::unexpected(port.error());
    if (!seen.insert(name).second) {
      return damaged(fmt::format("two inputs or outputs are named '{}'", name));
    }
    ports.push_back(std::move(*port));
  }
  return {};
}

}  // namespace

Result<void> GraphReader::readMainGraph(std::string_view graphProto) {
  if (auto read = readGraph(graphProto, 0); !read) return read;
  std::vector<std::string_view> inputs, outputs;
  std::set<std::string_view> initializers;
  auto reader = readerOf(graphProto);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case lengthField(2): {
        const auto name = toText(reader.get_view());
        if (isUtf8(name)) info_.graphName = name;
        break;
      }
      case lengthField(5):
        initializers.insert(tensorName(toText(reader.get_view())));
        break;
      case lengthField(15):
        initializers.insert(tensorName(sparseValues(toText(reader.get_view()))));
        break;
      case lengthField(11):
        inputs.push_back(toText(reader.get_view()));
        break;
      case lengthField(12):
        outputs.push_back(toText(reader.get_view()));
        break;
      default:
        reader.skip();
    }
  }
  if (outputs.empty()) return damaged("its graph has no outputs");
  if (auto added = addPorts(inputs, initializers, info_.inputs); !added) return added;
  return addPorts(outputs, {}, info_.outputs);
}

Result<void> GraphReader::readGraph(std::string_view graphProto, int depth) {
  if (depth > kMaxDepth) {
    return damaged(fmt::format("graphs are nested more than {} deep", kMaxDepth));
  }
  auto reader = readerOf(graphProto);
  while (reader.next()) {
    Result<void> read;
    switch (reader.tag_and_type()) {
      case lengthField(1):
        read = readNode(toText(reader.get_view()), depth);
        break;
      case lengthField(5):
        read = addWeight(toText(reader.get_view()));
        break;
      case lengthField(15):
        read = addSparseWeight(toText(reader.get_view()));
        break;
      case lengthField(11):
      case lengthField(12):
      case lengthField(13):
        noteValueType(toText(reader.get_view()));
        break;
      default:
        reader.skip();
    }
    if (!read) return read;
  }
  return {};
}

Result<void> GraphReader::readFunction(std::string_view functionProto) {
  auto reader = readerOf(functionProto);
  while (reader.next()) {
    Result<void> read;
    switch (reader.tag_and_type()) {
      case lengthField(7):
        read = readNode(toText(reader.get_view()), 0);
        break;
      case lengthField(11):
        read = readAttribute(toText(reader.get_view()), 0);
        break;
      case lengthField(12):
        noteValueType(toText(reader.get_view()));
        break;
      default:
        reader.skip();
    }
    if (!read) return read;
  }
  return {};
}

Result<void> GraphReader::readNode(std::string_view nodeProto, int depth) {
  std::string_view op, domain;
  auto reader = readerOf(nodeProto);
  while (reader.next()) {
    Result<void> read;
    switch (reader.tag_and_type()) {
      case lengthField(4):
        op = toText(reader.get_view());
        break;
      case lengthField(7):
        domain = toText(reader.get_view());
        break;
      case lengthField(5):
        read = readAttribute(toText(reader.get_view()), depth);
        break;
      default:
        reader.skip();
    }
    if (!read) return read;
  }
  if (op.empty() || !isUtf8(op) || !isUtf8(domain)) return damaged("a node has no operator");
  const bool standard = domain.empty() || domain == "ai.onnx";
  ++info_.opCounts[standard ? std::string(op) : fmt::format("{}.{}", domain, op)];
  ++info_.nodeCount;
  return {};
}

Result<void> GraphReader::readAttribute(std::string_view attributeProto, int depth) {
  std::string_view name;
  std::int64_t number = 0;
  auto reader = readerOf(attributeProto);
  while (reader.next()) {
    Result<void> read;
    switch (reader.tag_and_type()) {
      case lengthField(1):
        name = toText(reader.get_view());
        break;
      case varintField(3):
        number = reader.get_int64();
        break;
      case lengthField(5):
      case lengthField(10):
        read = addWeight(toText(reader.get_view()));
        break;
      case lengthField(22):
      case lengthField(23):
        read = addSparseWeight(toText(reader.get_view()));
        break;
      case lengthField(6):
      case lengthField(11):
        read = readGraph(toText(reader.get_view()), depth + 1);
        break;
      default:
        reader.skip();
    }
    if (!read) return read;
  }
  if (name == "to" && number == kFloat16) info_.usesFp16 = true;  // Cast
  return {};
}

Result<void> GraphReader::addWeight(std::string_view tensorProto) {
  auto weight = readWeight(tensorProto);
  if (!weight) return std::unexpected(weight.error());
  info_.weightTypes[std::string(weight->type.name)] += weight->bytes;
  info_.weightBytes += weight->bytes;
  if (weight->type.id == kFloat16) info_.usesFp16 = true;
  if (weight->location.empty()) return {};
  info_.externalWeightBytes += weight->bytes;
  auto found = externalEnds_.find(weight->location);
  if (found == externalEnds_.end()) found = externalEnds_.emplace(weight->location, 0).first;
  found->second = std::max(found->second, weight->offset + weight->bytes);
  return {};
}

Result<void> GraphReader::addSparseWeight(std::string_view sparseTensorProto) {
  auto reader = readerOf(sparseTensorProto);
  while (reader.next()) {
    const auto field = reader.tag_and_type();
    if (field == lengthField(1) || field == lengthField(2)) {
      if (auto added = addWeight(toText(reader.get_view())); !added) return added;
    } else {
      reader.skip();
    }
  }
  return {};
}

void GraphReader::noteValueType(std::string_view valueInfoProto) {
  if (portElementType(valueInfoProto) == kFloat16) info_.usesFp16 = true;
}

void GraphReader::finish() {
  for (const auto& [path, end] : externalEnds_) info_.externalFiles.push_back({path, end});
}

}  // namespace webpool::onnx
