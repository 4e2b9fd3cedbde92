#include <fmt/format.h>
#include <fmt/ranges.h>
#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <set>

#include "cli/app.h"
#include "cli/exit_code.h"
#include "cli/models_add_remote.h"
#include "cli/terminal.h"
#include "pool/model_source.h"
#include "sources/hub.h"

namespace webpool::cli {
namespace {

namespace json = boost::json;

struct ModelsFlags {
  std::string model;
  std::string name;
  std::string dtype;
  std::string component;
  RemoteFlags remote;
  std::string names;  ///< "all" or "here", for shell completion
  bool json = false;
};

struct Opened {
  explicit Opened(const Context& context) : progress(context.quiet) {}
  ProgressLine progress;
  std::unique_ptr<pool::ModelSource> source;
};

Result<std::unique_ptr<Opened>> openSource(const Context& context) {
  if (auto known = base::checkFolder(context.paths.data); !known) {
    return std::unexpected(known.error());
  }
  auto opened = std::make_unique<Opened>(context);
  auto source = pool::ModelSource::open(context.paths.data);
  if (!source) return std::unexpected(source.error());
  opened->source = std::move(*source);
  return opened;
}

/// The root that a name of the user's own (not the catalogue's) stood for and no longer does.
std::optional<std::string> replacedRoot(const std::vector<store::Pin>& before,
                                        const store::Catalogue& catalogue,
                                        const ModelDescription& added) {
  if (catalogue.find(added.name) != nullptr) return std::nullopt;
  for (const auto& pin : before) {
    if (!pin.variant.empty() && pin.variant != added.dtype) continue;  // it stays beside
    if (pin.name == added.name && pin.cid.text() != added.cid) return pin.cid.text();
  }
  return std::nullopt;
}

int add(const Context& context, const ModelsFlags& flags) {
  auto opened = openSource(context);
  if (!opened) return reportError(opened.error());
  const auto before = (*opened)->source->content().pins("model");
  if (!before) return reportError(before.error());
  const ModelOptions options{.task = {},
                             .backend = Backend::Auto,
                             .dtype = flags.dtype,
                             .progress = (*opened)->progress.callback(),
                             .timeout = {},
                             .stop = context.stop};
  auto& source = *(*opened)->source;
  if (auto right = checkRemoteFlags(flags.model, flags.remote, source.catalogue()); !right) {
    return reportError(right.error());
  }
  if (auto used = useContentSources(context, flags.remote.sources, source); !used)
    return reportError(used.error());
  auto resolved = isRemote(flags.model)
                      ? addRemote(context, flags.model, flags.name, flags.remote, options, source)
                      : source.add(flags.model, flags.name, options);
  (*opened)->progress.clear();
  if (!resolved) return reportError(resolved.error());
  const auto& description = resolved->description;
  const auto replaced = replacedRoot(*before, (*opened)->source->catalogue(), description);
  if (replaced) {
    (*opened)->progress.note(fmt::format("replaced {} (was CID {})", description.name, *replaced));
  }
  if (flags.json) {
    json::object object{{"name", description.name},
                        {"dtype", description.dtype},
                        {"cid", description.cid},
                        {"bytes", description.bytes}};
    if (replaced) object["replaced_cid"] = *replaced;
    std::printf("%s\n", json::serialize(object).c_str());
  } else {
    std::printf("%s  %s  %s  %s\n", description.name.c_str(), description.dtype.c_str(),
                bytesText(description.bytes).c_str(), description.cid.c_str());
  }
  return 0;
}

/// For shell completion: makes no store where there is none, and reads nothing but names.
int listNames(const Context& context, const ModelsFlags& flags) {
  if (auto known = base::checkFolder(context.paths.data); !known) {
    return reportError(known.error());
  }
  std::set<std::string> names;
  if (flags.names == "all") {
    for (const auto& entry : store::Catalogue::builtIn().entries()) names.insert(entry.name);
  }
  std::error_code none;
  if (std::filesystem::exists(context.paths.data / "store", none)) {
    auto opened = openSource(context);
    if (!opened) return reportError(opened.error());
    const auto pins = (*opened)->source->content().pins("model");
    if (!pins) return reportError(pins.error());
    for (const auto& pin : *pins) names.insert(pin.name);
  }
  for (const auto& name : names) std::printf("%s\n", name.c_str());
  return 0;
}

int list(const Context& context, const ModelsFlags& flags) {
  if (!flags.names.empty()) return listNames(context, flags);
  auto opened = openSource(context);
  if (!opened) return reportError(opened.error());
  const auto& source = *(*opened)->source;
  const auto models = source.repository().list();
  if (!models) return reportError(models.error());
  std::vector<std::vector<std::string>> rows{{"NAME", "DTYPES HERE", "SIZE", "FROM"}};
  json::array array;
  for (const auto& model : *models) {
    const bool known = source.catalogue().find(model.name) != nullptr;
    rows.push_back({model.name, fmt::format("{}", fmt::join(model.dtypes(), " ")),
                    bytesText(model.bytes()),
                    known                                ? "catalogue"
                    : model.roots.front().origin.empty() ? "a file or folder"
                                                         : "the network"});
    json::array roots;
    for (const auto& root : model.roots) {
      roots.push_back(json::object{{"dtype", root.variant}, {"cid", root.root.text()}});
    }
    array.push_back(json::object{{"name", model.name},
                                 {"here", true},
                                 {"dtypes", json::value_from(model.dtypes())},
                                 {"bytes", model.bytes()},
                                 {"roots", std::move(roots)}});
  }
  for (const auto& entry : source.catalogue().entries()) {
    const auto here = std::ranges::find(*models, entry.name, &store::Model::name);
    if (here != models->end()) continue;
    std::vector<std::string> dtypes;
    for (const auto& variant : entry.variants) dtypes.push_back(variant.dtype);
    rows.push_back({entry.name, "-", bytesText(entry.bytesFor(entry.defaultDtype)),
                    fmt::format("catalogue: {}", fmt::join(dtypes, " "))});
    array.push_back(json::object{{"name", entry.name},
                                 {"here", false},
                                 {"dtypes", json::value_from(dtypes)},
                                 {"bytes", entry.bytesFor(entry.defaultDtype)}});
  }
  if (flags.json) {
    std::printf("%s\n", json::serialize(json::object{{"models", std::move(array)}}).c_str());
  } else {
    std::printf("%s", tableText(rows).c_str());
  }
  return 0;
}

void printPorts(const char* heading, const std::vector<onnx::Port>& ports) {
  std::printf("%s\n", heading);
  for (const auto& port : ports) {
    std::printf("  %s: %s\n", port.name.c_str(), onnx::portText(port).c_str());
  }
}

json::array portsJson(const std::vector<onnx::Port>& ports) {
  json::array array;
  for (const auto& port : ports) {
    array.push_back(json::object{{"name", port.name},
                                 {"datatype", dataTypeName(port.type)},
                                 {"shape", json::value_from(port.shape)}});
  }
  return array;
}

int show(const Context& context, const ModelsFlags& flags) {
  auto opened = openSource(context);
  if (!opened) return reportError(opened.error());
  const auto resolved = (*opened)->source->findHere(flags.model, flags.dtype, flags.component);
  if (!resolved) return reportError(resolved.error());
  const auto& description = resolved->description;
  std::string origin;
  if (const auto model = (*opened)->source->repository().show(description.name); model) {
    for (const auto& root : model->roots) {
      if (root.root.text() == description.cid) origin = root.origin;
    }
  }
  if (flags.json) {
    json::array files;
    for (const auto& file : resolved->files) {
      files.push_back(
          json::object{{"path", file.path}, {"cid", file.cid.text()}, {"bytes", file.size}});
    }
    std::printf("%s\n",
                json::serialize(
                    json::object{
                        {"name", description.name},
                        {"task", description.task},
                        {"dtype", description.dtype},
                        {"cid", description.cid},
                        {"bytes", description.bytes},
                        {"component", description.component},
                        {"components", json::value_from(description.components)},
                        {"inputs", portsJson(resolved->graph.inputs)},
                        {"outputs", portsJson(resolved->graph.outputs)},
                        {"weights", description.weights.empty() ? json::value(nullptr)
                                                                : json::value(description.weights)},
                        {"origin", origin.empty() ? json::value(nullptr) : json::parse(origin)},
                        {"files", std::move(files)}})
                    .c_str());
    return 0;
  }
  std::printf("name   %s\ntask   %s\ndtype  %s\ncid    %s\nsize   %s\n", description.name.c_str(),
              description.task.c_str(), description.dtype.c_str(), description.cid.c_str(),
              bytesText(description.bytes).c_str());
  if (!description.weights.empty()) {
    std::printf("note   weights: %s (never trained)\n", description.weights.c_str());
  }
  if (!origin.empty()) std::printf("from   %s\n", sources::originText(origin).c_str());
  if (description.components.size() > 1) {
    const auto all = fmt::format("{}", fmt::join(description.components, ", "));
    if (description.component.empty()) {
      std::printf("graphs %s (loaded together)\n", all.c_str());
    } else {
      std::printf("graph  %s (of %s)\n", description.component.c_str(), all.c_str());
    }
  }
  printPorts("inputs", resolved->graph.inputs);
  printPorts("outputs", resolved->graph.outputs);
  std::printf("files\n");
  for (const auto& file : resolved->files) {
    std::printf("  %-28s %10s  %s\n", file.path.c_str(), bytesText(file.size).c_str(),
                file.cid.text().c_str());
  }
  return 0;
}

int remove(const Context& context, const ModelsFlags& flags) {
  auto opened = openSource(context);
  if (!opened) return reportError(opened.error());
  const auto variant =
      flags.dtype.empty() ? std::nullopt : std::optional<std::string_view>(flags.dtype);
  const auto removed = (*opened)->source->repository().remove(flags.model, variant);
  if (!removed) return reportError(removed.error());
  std::printf("removed %s%s%s\n", flags.model.c_str(), flags.dtype.empty() ? "" : " ",
              flags.dtype.c_str());
  return 0;
}

}  // namespace

void addModelsCommand(CLI::App& app, Context& context, Action& action) {
  auto* command = app.add_subcommand("models", "The models that are kept here");
  command->require_subcommand(1);
  auto flags = std::make_shared<ModelsFlags>();
  const auto bind = [&context, &action, flags](
                        CLI::App* sub, int (*function)(const Context&, const ModelsFlags&)) {
    sub->callback([&context, &action, flags, function] {
      action = [&context, flags, function] { return function(context, *flags); };
    });
  };

  auto* added = command->add_subcommand("add",
                                        "Fetch a model of the catalogue or of a hub, or import a "
                                        "file or folder");
  added
      ->add_option("model", flags->model,
                   "Catalogue name, .onnx file, model folder, hf:ORGANISATION/NAME[@REVISION], "
                   "https://HOST/PATH/MODEL.onnx, or ipfs://CID")
      ->required();
  added->add_option("--name", flags->name, "Name to keep it under");
  flags->remote.addTo(*added);
  added->add_option("--dtype", flags->dtype, "Which precision (default: the catalogue's)");
  added->add_flag("--json", flags->json, "Print one JSON object");
  added->footer(
      "\nExamples:\n  webpool models add all-minilm-l6-v2\n"
      "  webpool models add all-minilm-l6-v2 --dtype fp32\n"
      "  webpool models add ./my-model/ --name my-model\n"
      "  HF_ENDPOINT=https://HUB webpool models add hf:org/name --dtype q4\n"
      "  webpool models add ipfs://CID --gateway https://HOST --name my-model\n"
      "  webpool models add all-minilm-l6-v2 --peer http://10.0.0.7:8080");
  bind(added, add);

  auto* listed = command->add_subcommand("list", "What is here, and what the catalogue offers");
  listed->add_flag("--json", flags->json, "Print one JSON object");
  listed->add_option("--names", flags->names, "Only names, one a line: all, or here")
      ->check(CLI::IsMember({"all", "here"}))
      ->group("");  // for the completion scripts: not in the help
  listed->footer("\nExamples:\n  webpool models list\n  webpool models list --json");
  bind(listed, list);

  auto* shown =
      command->add_subcommand("show", "Signature, files and CIDs of a model that is here");
  shown->add_option("model", flags->model, "Name")->required();
  shown->add_option("--dtype", flags->dtype, "Which precision");
  shown->add_option("--component", flags->component, "Which graph, of a model with several");
  shown->add_flag("--json", flags->json, "Print one JSON object");
  shown->footer(
      "\nExamples:\n  webpool models show all-minilm-l6-v2\n"
      "  webpool models show all-minilm-l6-v2 --dtype q4 --json");
  bind(shown, show);

  auto* removed = command->add_subcommand("rm", "Remove a model and the files nothing else uses");
  removed->add_option("model", flags->model, "Name")->required();
  removed->add_option("--dtype", flags->dtype, "Only this precision");
  removed->footer(
      "\nExamples:\n  webpool models rm my-model\n"
      "  webpool models rm all-minilm-l6-v2 --dtype fp32");
  bind(removed, remove);
  command->footer("\nExamples:\n  webpool models list\n  webpool models show all-minilm-l6-v2");
}

}  // namespace webpool::cli
