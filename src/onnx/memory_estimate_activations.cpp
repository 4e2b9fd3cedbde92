#include "onnx/memory_estimate_activations.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <protozero/exception.hpp>
#include <set>
#include <string_view>
#include <vector>

#include "onnx/port_reader.h"
#include "onnx/protobuf.h"

namespace webpool::onnx {
namespace {

constexpr int kMaxDepth = 32;

struct Node {
  std::vector<std::string_view> reads;  ///< what its subgraphs read included
  std::vector<std::string_view> makes;
};

void readNode(std::string_view nodeProto, Node& node, int depth);

/// What a subgraph reads, names of its own included: they are nobody else's.
void readSubgraph(std::string_view graphProto, Node& node, int depth) {
  auto reader = readerOf(graphProto);
  while (reader.next()) {
    const auto field = reader.tag_and_type();
    if (field == lengthField(1)) {
      Node inner;
      readNode(toText(reader.get_view()), inner, depth);
      node.reads.insert(node.reads.end(), inner.reads.begin(), inner.reads.end());
    } else if (field == lengthField(12)) {
      node.reads.push_back(portName(toText(reader.get_view())));  // may be an outer value
    } else {
      reader.skip();
    }
  }
}

void readAttribute(std::string_view attributeProto, Node& node, int depth) {
  if (depth > kMaxDepth) return;
  auto reader = readerOf(attributeProto);
  while (reader.next()) {
    const auto field = reader.tag_and_type();
    if (field == lengthField(6) || field == lengthField(11)) {
      readSubgraph(toText(reader.get_view()), node, depth + 1);
    } else {
      reader.skip();
    }
  }
}

void readNode(std::string_view nodeProto, Node& node, int depth) {
  auto reader = readerOf(nodeProto);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case lengthField(1):
        node.reads.push_back(toText(reader.get_view()));
        break;
      case lengthField(2):
        node.makes.push_back(toText(reader.get_view()));
        break;
      case lengthField(5):
        readAttribute(toText(reader.get_view()), node, depth);
        break;
      default:
        reader.skip();
    }
  }
}

/// nullopt where it can't be told.
std::optional<std::uint64_t> sizeOf(std::string_view valueInfo, const DimensionSizes& dimensions) {
  auto port = readPort(valueInfo);
  if (!port || !port->rankKnown) return std::nullopt;
  for (std::size_t i = 0; i < port->shape.size(); ++i) {
    if (port->shape[i] >= 0) continue;
    const auto found = dimensions.find(port->symbols[i]);
    if (found == dimensions.end()) return std::nullopt;
    port->shape[i] = found->second;
  }
  const auto count = elementCount(port->shape);
  const auto each = elementSize(port->type);
  if (!count || each == 0 || *count > std::numeric_limits<std::uint64_t>::max() / each) {
    return std::nullopt;
  }
  return *count * each;
}

class Liveness {
 public:
  explicit Liveness(const DimensionSizes& dimensions) : dimensions_(dimensions) {}

  void read(std::string_view graphProto) {
    auto reader = readerOf(graphProto);
    while (reader.next()) {
      const auto field = reader.tag_and_type();
      if (field == lengthField(1)) {
        readNode(toText(reader.get_view()), nodes_.emplace_back(), 0);
      } else if (field == lengthField(11) || field == lengthField(12) || field == lengthField(13)) {
        const auto info = toText(reader.get_view());
        const auto name = portName(info);
        if (field == lengthField(11)) inputs_.insert(name);
        if (field == lengthField(12)) kept_.insert(name);
        if (const auto size = sizeOf(info, dimensions_)) sizes_.insert_or_assign(name, *size);
      } else if (field == lengthField(5)) {
        weights_.insert(weightName(toText(reader.get_view())));
      } else {
        reader.skip();
      }
    }
  }

  ActivationSize walk() {
    std::map<std::string_view, std::size_t> lastRead;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      for (const auto name : nodes_[i].reads) lastRead[name] = i;
    }
    for (const auto name : inputs_) {
      if (weights_.contains(name)) continue;  // as old exporters list them
      begin(name);
      kept_.insert(name);
    }
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      for (const auto name : nodes_[i].makes) {
        if (!name.empty()) begin(name);
      }
      result_.bytes = std::max(result_.bytes, now_);
      for (const auto name : nodes_[i].reads) {
        if (lastRead[name] == i) end(name);
      }
      for (const auto name : nodes_[i].makes) {
        if (!lastRead.contains(name)) end(name);
      }
    }
    result_.bytes = std::max(result_.bytes, now_);
    return result_;
  }

 private:
  static std::string_view weightName(std::string_view tensorProto) {
    auto reader = readerOf(tensorProto);
    while (reader.next()) {
      if (reader.tag_and_type() == lengthField(8)) return toText(reader.get_view());
      reader.skip();
    }
    return {};
  }

  void begin(std::string_view name) {
    const auto size = sizes_.find(name);
    if (size == sizes_.end()) {
      ++result_.unknownValues;
      return;
    }
    const auto room = std::numeric_limits<std::uint64_t>::max() - now_;
    const auto [entry, isNew] = live_.emplace(name, std::min(size->second, room));
    if (isNew) now_ += entry->second;
  }
  void end(std::string_view name) {
    const auto entry = live_.find(name);
    if (entry == live_.end() || kept_.contains(name)) return;
    now_ -= entry->second;
    live_.erase(entry);
  }

  const DimensionSizes& dimensions_;
  std::vector<Node> nodes_;
  std::map<std::string_view, std::uint64_t> sizes_;
  std::set<std::string_view> inputs_, weights_;
  std::set<std::string_view> kept_;                 ///< to the end of the run
  std::map<std::string_view, std::uint64_t> live_;  ///< with their bytes
  std::uint64_t now_ = 0;                           ///< bytes that live
  ActivationSize result_;
};

std::unexpected<Error> damaged() {
  return fail(ErrorCategory::InvalidModel, "damaged model: no valid graph in it",
              "fetch the model file again, or export it anew");
}

}  // namespace

Result<ActivationSize> activationSize(std::span<const std::byte> model,
                                      const DimensionSizes& dimensions) {
  try {
    auto reader =
        readerOf(std::string_view(reinterpret_cast<const char*>(model.data()), model.size()));
    while (reader.next()) {
      if (reader.tag_and_type() != lengthField(7)) {
        reader.skip();
        continue;
      }
      Liveness liveness(dimensions);
      liveness.read(toText(reader.get_view()));
      return liveness.walk();
    }
  } catch (const protozero::exception&) {
    return damaged();
  }
  return damaged();
}

}  // namespace webpool::onnx
