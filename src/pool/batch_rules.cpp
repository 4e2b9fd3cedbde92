#include "pool/batch_rules.h"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <charconv>
#include <cstring>
#include <functional>
#include <span>
#include <string_view>

namespace webpool::pool {
namespace {

constexpr std::size_t kLongestKey = 64u << 10;

bool isBatchName(std::string_view symbol) {
  return symbol.contains("batch") || symbol == "N" || symbol == "bs";
}

/// Its first dimension is free and called `name`, and no other one is.
bool beginsWith(const TensorSpec& spec, const std::string& name) {
  if (!spec.rankKnown || spec.shape.empty() || spec.symbols.empty()) return false;
  return spec.shape.front() < 0 && spec.symbols.front() == name &&
         std::count(spec.symbols.begin(), spec.symbols.end(), name) == 1;
}

bool takesRows(const ModelDescription& model) {
  if (model.inputs.empty() || model.outputs.empty()) return false;
  const auto& first = model.inputs.front();
  if (first.symbols.empty() || !isBatchName(first.symbols.front())) return false;
  const auto begins = [&](const TensorSpec& spec) {
    return beginsWith(spec, first.symbols.front());
  };
  return std::ranges::all_of(model.inputs, begins) && std::ranges::all_of(model.outputs, begins);
}

std::uint64_t longestText(const Tensor& texts) {
  std::uint64_t longest = 0;
  auto rest = texts.data.text();
  while (rest.size() >= sizeof(std::uint32_t)) {
    std::uint32_t length = 0;
    std::memcpy(&length, rest.data(), sizeof(length));
    longest = std::max<std::uint64_t>(longest, length);
    rest.remove_prefix(std::min<std::size_t>(sizeof(length) + length, rest.size()));
  }
  return longest;
}

std::vector<const Tensor*> byName(const std::vector<Tensor>& tensors) {
  std::vector<const Tensor*> sorted;
  sorted.reserve(tensors.size());
  for (const auto& tensor : tensors) sorted.push_back(&tensor);
  std::ranges::sort(sorted, {}, &Tensor::name);
  return sorted;
}

void appendNumber(std::int64_t number, std::string& text) {
  std::array<char, 24> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  text.append(digits.data(), static_cast<std::size_t>(end - digits.data()));
}

/// Everything of the tensors but their data, from that axis on.
void appendOutline(std::span<const Tensor* const> inputs, std::size_t fromAxis, std::string& text) {
  for (const auto* tensor : inputs) {
    text += tensor->name;
    text += '\0';
    text += dataTypeName(tensor->type);
    for (std::size_t i = fromAxis; i < tensor->shape.size(); ++i) {
      text += ',';
      appendNumber(tensor->shape[i], text);
    }
    text += ';';
  }
}

void appendParameters(const boost::json::object& parameters, std::string& text) {
  if (parameters.empty()) {
    text += "{}";
  } else {
    text += boost::json::serialize(parameters);
  }
}

}  // namespace

BatchRules::BatchRules(const ModelDescription& description, const Task& task)
    : repeatable_(task.name != "text-generation" && task.name != "automatic-speech-recognition") {
  const bool texts = task.inputs.size() == 1 && task.inputs.front().name == "text";
  if (texts) {
    joining_ = Joining::Texts;
  } else if (task.isRaw() && task.graphs.empty() && takesRows(description)) {
    joining_ = Joining::Rows;
  }
}

BatchShare BatchRules::shareOf(const std::vector<Tensor>& inputs,
                               const boost::json::object& parameters,
                               const RunOptions& options) const {
  BatchShare share;
  for (const auto& input : inputs) share.bytes += input.data.size();
  if (joining_ == Joining::Never || inputs.empty() || inputs.front().shape.empty()) return share;
  const auto rows = inputs.front().shape.front();
  if (rows < 1) return share;
  share.items = static_cast<std::uint64_t>(rows);
  share.bytes /= share.items;
  if (joining_ == Joining::Texts) share.bytes = share.length = longestText(inputs.front());
  if (!options.shared || options.onPartial || !options.conversation.empty()) return share;
  // Rows of one call are as many in each of its tensors.
  for (const auto& input : inputs) {
    if (input.shape.empty() || input.shape.front() != rows) return share;
  }
  std::string text;
  appendOutline(byName(inputs), 1, text);
  appendParameters(parameters, text);
  appendNumber(options.maxBatch, text);
  share.kind = std::hash<std::string>()(text) | 1;  // two of one hash are told apart when joined
  return share;
}

std::string BatchRules::answerKey(const std::vector<Tensor>& inputs,
                                  const boost::json::object& parameters,
                                  const RunOptions& options) const {
  if (!repeatable_ || !options.shared || options.onPartial || !options.conversation.empty()) {
    return {};
  }
  std::size_t size = 0;
  for (const auto& input : inputs) size += input.data.size();
  if (size > kLongestKey) return {};
  constexpr std::size_t kRest = 256;
  const auto sorted = byName(inputs);
  std::string key;
  key.reserve(size + kRest);
  appendOutline(sorted, 0, key);
  appendParameters(parameters, key);
  for (const auto* tensor : sorted) {
    key += '\0';
    key += tensor->data.text();
  }
  return key;
}

}  // namespace webpool::pool
