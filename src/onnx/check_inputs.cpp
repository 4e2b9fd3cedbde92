#include "onnx/check_inputs.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "onnx/text.h"

namespace webpool::onnx {
namespace {

/// A free dimension's name and where it counts: everywhere, or only on one axis.
using SymbolKey = std::pair<std::string_view, std::size_t>;
constexpr std::size_t kEveryAxis = ~std::size_t{0};

struct Bound {
  std::int64_t size;
  std::string_view input;
};

/// The sizes that names of free dimensions have taken so far.
struct Symbols {
  /// Names that stand twice in one input. Exporters do that by mistake ([batch, batch] for what is
  /// [batch, length]), so they are only compared along the same axis.
  std::set<std::string_view> careless;
  std::map<SymbolKey, Bound> sizes;
};

Symbols symbolsOf(const ModelInfo& model) {
  Symbols symbols;
  for (const auto& port : model.inputs) {
    // A port has few dimensions, and hardly any model is careless: nothing is allocated here.
    for (auto symbol = port.symbols.begin(); symbol != port.symbols.end(); ++symbol) {
      const bool again =
          !symbol->empty() && std::find(port.symbols.begin(), symbol, *symbol) != symbol;
      if (again) symbols.careless.insert(*symbol);
    }
  }
  return symbols;
}

std::unexpected<Error> refuse(std::string message, std::string hint) {
  return fail(ErrorCategory::InvalidInput, std::move(message), std::move(hint));
}

std::string signature(const ModelInfo& model) {
  std::string text;
  for (const auto& port : model.inputs) {
    text += fmt::format("{}{}: {}", text.empty() ? "" : ", ", port.name, portText(port));
  }
  return text.empty() ? "this model takes no inputs" : "this model takes " + text;
}

std::string castHint(const Port& port) {
  return fmt::format("convert the values to {}", dataTypeName(port.type));
}

Result<void> checkShape(const Tensor& tensor, const Port& port, Symbols& symbols) {
  if (!port.rankKnown) return {};
  const auto mismatch = [&](std::string_view why) {
    return refuse(fmt::format("input '{}': expected {}, got {} {}{}", port.name, portText(port),
                              dataTypeName(tensor.type), shapeText(tensor.shape), why),
                  "give the tensor the expected shape");
  };
  if (tensor.shape.size() != port.shape.size()) {
    return mismatch(
        fmt::format(" (rank {} instead of {})", tensor.shape.size(), port.shape.size()));
  }
  for (std::size_t i = 0; i < port.shape.size(); ++i) {
    const auto size = tensor.shape[i];
    if (port.shape[i] >= 0) {
      if (size != port.shape[i]) return mismatch(fmt::format(" (dimension {} differs)", i));
      continue;
    }
    if (port.symbols[i].empty()) continue;
    const SymbolKey key{port.symbols[i],
                        symbols.careless.contains(port.symbols[i]) ? i : kEveryAxis};
    const auto [bound, isNew] = symbols.sizes.try_emplace(key, Bound{size, port.name});
    if (!isNew && bound->second.size != size) {
      return refuse(fmt::format("input '{}': '{}' is {} here and {} in input '{}'", port.name,
                                port.symbols[i], size, bound->second.size, bound->second.input),
                    fmt::format("'{}' must be the same size everywhere", port.symbols[i]));
    }
  }
  return {};
}

}  // namespace

Error unknownInput(const ModelInfo& model, std::string_view name) {
  std::vector<std::string_view> names;
  for (const auto& port : model.inputs) names.push_back(port.name);
  const auto guess = nearest(name, names);
  auto hint = signature(model);
  if (!guess.empty()) hint = fmt::format("did you mean '{}'? {}", guess, hint);
  return {ErrorCategory::InvalidInput, fmt::format("the model has no input '{}'", name),
          std::move(hint)};
}

Result<void> checkInputs(const ModelInfo& model, std::span<const Tensor> inputs) {
  for (auto tensor = inputs.begin(); tensor != inputs.end(); ++tensor) {
    if (model.findInput(tensor->name) == nullptr) {
      return std::unexpected(unknownInput(model, tensor->name));
    }
    if (std::ranges::find(inputs.begin(), tensor, tensor->name, &Tensor::name) != tensor) {
      return refuse(fmt::format("input '{}' is given twice", tensor->name), "give each input once");
    }
  }
  auto symbols = symbolsOf(model);
  for (const auto& port : model.inputs) {
    const auto tensor = std::ranges::find(inputs, port.name, &Tensor::name);
    if (tensor == inputs.end()) {
      return refuse(fmt::format("input '{}' is missing: expected {}", port.name, portText(port)),
                    signature(model));
    }
    if (tensor->type != port.type) {
      return refuse(fmt::format("input '{}': expected {}, got {} {}", port.name, portText(port),
                                dataTypeName(tensor->type), shapeText(tensor->shape)),
                    castHint(port));
    }
    if (auto valid = tensor->validate(); !valid) return valid;
    if (auto fits = checkShape(*tensor, port, symbols); !fits) return fits;
  }
  return {};
}

}  // namespace webpool::onnx
