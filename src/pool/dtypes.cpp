#include "pool/dtypes.h"

#include <algorithm>
#include <span>
#include <string>
#include <utility>

#include "pool/dtype_choice.h"

namespace webpool::pool {
namespace {

/// `usual` and the others, as they come.
std::vector<std::shared_ptr<const ResolvedModel>> allOf(Engine& engine, ResolvedModel usual,
                                                        const ModelOptions& options) {
  const auto name = usual.description.name;
  const auto dtype = usual.description.dtype;
  // How long a language model takes is not told by the size of what it is given, and the graphs of
  // a model that has several are of one dtype, which not all of them may be there in.
  const bool single = !leavesDtypeOpen(options) || usual.gguf.has_value() ||
                      usual.description.components.size() > 1;
  std::vector<std::shared_ptr<const ResolvedModel>> all;
  all.push_back(std::make_shared<const ResolvedModel>(std::move(usual)));
  if (single) return all;
  for (const auto& other : engine.models().dtypesHere(name)) {
    if (other == dtype) continue;
    auto asked = options;
    asked.dtype = other;
    auto resolved = engine.resolve(name, asked);
    if (resolved) all.push_back(std::make_shared<const ResolvedModel>(std::move(*resolved)));
  }
  return all;
}

std::vector<std::string> browsersFor(Engine& engine, const ModelOptions& options) {
  if (!options.browser.empty()) return {options.browser};
  auto names = engine.browserNames().value_or(std::vector<std::string>());
  // There it is loaded; the others may help later.
  if (engine.findsBrowsers() && names.size() > 1) names.resize(1);
  return names;
}

}  // namespace

bool leavesDtypeOpen(const ModelOptions& options) {
  return options.dtype.empty() && options.precision == 0 && !options.mixedPrecision;
}

std::vector<InDtype> inDtypes(Engine& engine, ResolvedModel usual, const ModelOptions& options) {
  auto all = allOf(engine, std::move(usual), options);
  if (all.size() == 1) return {{std::move(all.front()), true}};
  std::vector<ModelDescription> descriptions;
  std::vector<std::string> there;
  for (const auto& one : all) {
    descriptions.push_back(one->description);
    there.push_back(one->description.dtype);
  }
  const auto times =
      engine.runTimes().compare(descriptions, browsersFor(engine, options), options.backend);
  std::vector<DtypeChance> chances;
  for (std::size_t i = 0; i < all.size(); ++i) chances.push_back({there[i], times[i]});
  const auto& name = descriptions.front().name;
  const auto first = engine.models().hasDefault(name)
                         ? there.front()
                         : likelyDtype(there, engine.likelyBackend(options));
  std::vector<InDtype> ordered;
  for (const auto& dtype : orderDtypes(std::move(chances), first)) {
    const auto at = static_cast<std::size_t>(std::ranges::find(there, dtype) - there.begin());
    ordered.push_back({std::move(all[at]), times[at].has_value()});
  }
  return ordered;
}

std::vector<std::shared_ptr<const ResolvedModel>> untriedOf(const std::vector<InDtype>& all) {
  std::vector<std::shared_ptr<const ResolvedModel>> untried;
  for (const auto& one : std::span(all).subspan(1)) {
    if (!one.measured) untried.push_back(one.model);
  }
  return untried;
}

}  // namespace webpool::pool
