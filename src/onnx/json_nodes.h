// A JSON text as a flat list of nodes that keep their numbers as text: a tensor's integers then
// stay exact and its floats are rounded once, by the type that they are for.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "webpool/error.h"

namespace webpool::onnx {

enum class JsonKind : std::uint8_t {
  Null,
  False,
  True,
  Number,
  String,
  StoredString,
  Array,
  Object
};

/// Nodes lie in the text's order; an object's children are key, value, key, value, …
class JsonNodes {
 public:
  /// InvalidInput with the position for text that is no JSON, larger than 256 MiB or nested deeper
  /// than 36 levels. The result refers to `text`.
  static Result<JsonNodes> parse(std::string_view text);

  JsonKind kind(std::uint32_t node) const { return nodes_[node].kind; }
  bool isString(std::uint32_t node) const {
    return kind(node) == JsonKind::String || kind(node) == JsonKind::StoredString;
  }
  /// Of a number (its digits), string or key; "null", "true", "false".
  std::string_view text(std::uint32_t node) const;
  /// The node after this one and all that it holds.
  std::uint32_t next(std::uint32_t node) const {
    const auto& entry = nodes_[node];
    return entry.kind >= JsonKind::Array ? entry.size : node + 1;
  }
  /// The children of an array or object; for an object keys and values in turn.
  template <class Visit>
  void forEachChild(std::uint32_t node, Visit visit) const {
    const auto end = next(node);
    for (auto child = node + 1; child < end; child = next(child)) visit(child);
  }
  /// The value of an object's key (the last, if doubled); 0 when there is none or `node` is no
  /// object. Node 0 is the root, so it is never a value.
  std::uint32_t find(std::uint32_t node, std::string_view key) const;

 private:
  friend struct JsonNodesBuilder;
  struct Node {
    std::uint32_t offset;  ///< in the text, or an index into strings_
    std::uint32_t size;    ///< of the text; for arrays and objects the node after them
    JsonKind kind;
  };

  std::string_view text_;
  std::vector<Node> nodes_;
  std::deque<std::string> strings_;  ///< those whose text differs from the source (escapes)
};

}  // namespace webpool::onnx
