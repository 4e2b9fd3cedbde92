#include "pool/model_source.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cctype>
#include <optional>
#include <span>
#include <utility>

#include "base/file.h"
#include "base/paths.h"
#include "base/random.h"
#include "onnx/model_file.h"
#include "pool/precision.h"
#include "pool/signature.h"
#include "pool/task.h"
#include "sources/ipfs.h"
#include "sources/locked_folder.h"
#include "store/hold.h"
#include "store/model_layout.h"
#include "tasks/model_config.h"

namespace webpool::pool {
namespace {

constexpr std::string_view kNotes = "webpool.json";

constexpr std::string_view kByCid = "ipfs:";

/// Whether each file lies in one piece, as a browser is sent it.
bool isWhole(const store::ContentStore& store, const cid::Cid& root) {
  const auto files = store.listFiles(root);
  return files && std::ranges::all_of(*files, [&](const store::TreeFile& file) {
           return store.hasFile(file.cid).value_or(false);
         });
}

/// Whether a tree that is here has that dtype, before it takes a name: NotFound else. Where none is
/// asked for, all are welcome.
Result<void> checkDtype(const store::ContentStore& store, const cid::Cid& root,
                        const std::string& name, const std::string& dtype) {
  if (dtype.empty()) return {};
  auto files = store.listFiles(root);
  if (!files) return std::unexpected(files.error());
  for (auto& file : *files) {
    if (file.path.empty()) file.path = "model.onnx";  // a root that is a file, as it will be called
  }
  const auto has = store::dtypesOf(store::classify(std::move(*files)));
  if (has.empty()) return {};  // no model at all, which is another failure
  auto chosen = store::chooseDtype(has, dtype);
  if (chosen) return {};
  chosen.error().message = fmt::format("\"{}\": {}", name, chosen.error().message);
  return std::unexpected(std::move(chosen.error()));
}

/// Speaks of the name that was asked for, not of the one under which it was tried.
Error called(Error error, const std::string& tried, const std::string& name) {
  const auto at = error.message.find(tried);
  if (at != std::string::npos) error.message.replace(at, tried.size(), name);
  return error;
}

Result<void> openable(const store::ContentStore& store, const cid::Cid& file) {
  const auto found = store.onePiece(file);
  return found ? Result<void>() : std::unexpected(found.error());
}

Error damagedModel(std::string_view name, std::string_view root, const Error& why) {
  return {ErrorCategory::Integrity,
          fmt::format("the model '{}' is damaged here: {}", name, why.message),
          fmt::format("webpool content fetch {} brings the damaged file anew, from --peer or "
                      "--gateway; so does adding the model again",
                      root)};
}

store::JobOptions jobOptions(const ModelOptions& options) {
  store::JobOptions job;
  job.stop = options.stop;
  if (options.progress) {
    job.progress = [callback = options.progress](const store::Progress& progress) {
      callback({std::string(store::phaseName(progress.phase)), progress.item, progress.done,
                progress.total});
    };
  }
  return job;
}

bool looksLikePath(std::string_view model) {
  if (model.starts_with("hf:")) return false;
  return model.find('/') != std::string_view::npos || store::isGraphPath(model) || model == "." ||
         model == "..";
}

/// "./Silero VAD.onnx" -> "silero-vad"
std::string nameFromPath(const std::filesystem::path& path) {
  auto stem = std::filesystem::absolute(path).lexically_normal();
  if (stem.filename().empty()) stem = stem.parent_path();
  std::string name =
      store::isGraphPath(stem.native()) ? stem.stem().native() : stem.filename().native();
  for (auto& c : name) {
    c = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '_' ? c : '-';
  }
  return name;
}

std::unexpected<Error> missingData(std::string_view graph, std::string_view file) {
  return fail(ErrorCategory::InvalidModel,
              fmt::format("{} needs the file {}, which is not there", graph, file),
              "put the external data beside the .onnx file and add the model again");
}

/// The names of all graphs, sorted.
std::vector<std::string> componentsOf(const std::vector<store::ModelFile>& files) {
  std::vector<std::string> names;
  for (const auto& file : files) {
    if (store::isGraphPath(file.path)) names.push_back(store::componentOfPath(file.path));
  }
  // A model that is a single file has no path.
  if (names.empty() && files.size() == 1 && files.front().path.empty()) names.emplace_back("model");
  std::ranges::sort(names);
  const auto doubled = std::ranges::unique(names);
  names.erase(doubled.begin(), doubled.end());
  return names;
}

/// The graph that is meant: the one asked for, else the one called model…, else the first.
Result<std::string> chooseComponent(const std::vector<std::string>& all, std::string_view asked,
                                    const std::string& model) {
  if (all.empty()) {
    return fail(ErrorCategory::InvalidModel,
                fmt::format("the model '{}' has no .onnx or .gguf file", model),
                "a model folder holds onnx/model.onnx, or one .onnx or .gguf file");
  }
  if (!asked.empty()) {
    if (std::ranges::find(all, asked) != all.end()) return std::string(asked);
    return fail(ErrorCategory::NotFound,
                fmt::format("the model '{}' has no component '{}'", model, asked),
                fmt::format("it has {}", fmt::join(all, ", ")));
  }
  const auto main =
      std::ranges::find_if(all, [](const auto& name) { return name.starts_with("model"); });
  return main != all.end() ? *main : all.front();
}

/// The one that was chosen, else the one that the task begins with.
std::string_view mainComponent(std::string_view asked, std::string_view component,
                               const store::CatalogueEntry* entry) {
  if (!component.empty()) return component;
  const auto* task = !asked.empty()     ? findTask(asked)
                     : entry != nullptr ? findTask(entry->task)
                                        : nullptr;
  return task != nullptr ? task->component : std::string_view();
}

/// A folder with all that such a task needs.
const Task* guessWholeTask(const std::vector<store::ModelFile>& files) {
  const auto components = componentsOf(files);
  const auto has = [&](std::string_view name) {
    return std::ranges::find(components, name) != components.end();
  };
  for (const auto& task : knownTasks()) {
    if (task.isWhole() && std::ranges::all_of(task.graphs, has) &&
        std::ranges::find(files, task.needsFile, &store::ModelFile::path) != files.end()) {
      return &task;
    }
  }
  return nullptr;
}

/// The task where it takes several graphs at once: the one asked for, else the catalogue's or what
/// the files are like, which a chosen component takes back.
const Task* wholeTask(std::string_view asked, std::string_view component,
                      const store::CatalogueEntry* entry,
                      const std::vector<store::ModelFile>& files) {
  const auto* task = !asked.empty()       ? findTask(asked)
                     : !component.empty() ? nullptr
                     : entry != nullptr   ? findTask(entry->task)
                                          : guessWholeTask(files);
  return task != nullptr && task->isWhole() ? task : nullptr;
}

/// A single graph of the entry was chosen, and its task is for more than that.
bool isForMore(const store::CatalogueEntry& entry, std::string_view component) {
  const auto* task = findTask(entry.task);
  return task != nullptr && !component.empty() && (task->isWhole() || !task->component.empty());
}

/// The first of the task's graphs, all of which must be there.
Result<std::string> chooseWhole(const ModelDescription& model, const Task& task,
                                std::string_view component) {
  if (!component.empty()) {
    return fail(ErrorCategory::InvalidArgument,
                fmt::format("{} runs {} together, not one component", task.name,
                            fmt::join(task.graphs, " and ")),
                "leave the component out, or load it for the task tensors");
  }
  for (const auto graph : task.graphs) {
    if (std::ranges::find(model.components, graph) != model.components.end()) continue;
    return fail(
        ErrorCategory::InvalidArgument,
        fmt::format("the model '{}' has no graph {}, which {} needs", model.name, graph, task.name),
        fmt::format("it has {}", fmt::join(model.components, ", ")));
  }
  return std::string(task.graphs.front());
}

/// Other graphs and their weights need not be there to run these.
void keepComponents(std::vector<store::ModelFile>& files, std::span<const std::string_view> kept) {
  std::erase_if(files, [&](const store::ModelFile& file) {
    const auto of = store::componentOfPath(file.path);
    return !of.empty() && std::ranges::find(kept, of) == kept.end();
  });
}

const store::ModelFile* graphOf(const std::vector<store::ModelFile>& files,
                                std::string_view component) {
  const auto found = std::ranges::find_if(files, [&](const store::ModelFile& file) {
    return file.path.empty() ||
           (store::isGraphPath(file.path) && store::componentOfPath(file.path) == component);
  });
  return found == files.end() ? nullptr : &*found;
}

constexpr unsigned kUsualContext = 4096;

/// `asked`: as llama.cpp rounds it up, which of a context of 1 makes none at all and stops.
std::uint64_t roundedContext(std::uint64_t asked, std::uint64_t trained) {
  constexpr std::uint64_t kStep = 256;
  const auto rounded = (asked + kStep - 1) / kStep * kStep;
  return trained > 0 ? std::max(asked, std::min(rounded, trained)) : rounded;
}

LanguageInfo languageOf(const gguf::ModelInfo& header, unsigned context) {
  const auto trained = header.contextLength > 0 ? header.contextLength : kUsualContext;
  return {.architecture = header.architecture,
          .quantisation = header.quantisation,
          .context = context > 0 ? roundedContext(context, header.contextLength)
                                 : std::min<std::uint64_t>(trained, kUsualContext),
          .trainedContext = header.contextLength,
          .longestToken = header.longestToken,
          .chatTemplate = !header.chatTemplate.empty()};
}

/// More than a model was trained on it makes nothing sensible of.
Result<void> checkContext(const ModelDescription& description, unsigned context) {
  if (context == 0) return {};
  if (!description.language) {
    return fail(ErrorCategory::InvalidArgument,
                fmt::format("the model '{}' is for {} and holds no conversation of {} tokens",
                            description.name, description.task, context),
                "leave the context out: it is of models that generate text");
  }
  const auto trained = description.language->trainedContext;
  if (trained == 0 || context <= trained) return {};
  return fail(ErrorCategory::InvalidArgument,
              fmt::format("the model '{}' was trained on {} tokens, and a context of {} is more",
                          description.name, trained, context),
              fmt::format("ask for a context of {} at most", trained));
}

/// What can't be a model is refused before a byte of it is stored.
Result<std::vector<std::string>> checkFile(const std::filesystem::path& path) {
  std::vector<std::string> companions;
  std::error_code ignored;
  if (path.extension() == ".gguf") {
    if (auto checked = gguf::readModelFile(path); !checked) {
      return std::unexpected(checked.error());
    }
  } else {
    auto checked = onnx::readModelFile(path);
    if (!checked) return std::unexpected(checked.error());
    for (const auto& external : checked->externalFiles) {
      if (!std::filesystem::exists(path.parent_path() / external.path, ignored)) {
        return missingData(path.native(), external.path);
      }
      companions.push_back(external.path);
    }
  }
  // Only the one of its name: the folder may hold anything.
  auto golden = goldenPaths(path.filename().native()).front();
  if (std::filesystem::exists(path.parent_path() / golden, ignored)) {
    companions.push_back(std::move(golden));
  }
  return companions;
}

template <class Value>
std::optional<Error> errorOf(const Result<Value>& result) {
  return result ? std::nullopt : std::optional(result.error());
}

/// The same of every graph in a folder, whichever of them is run.
Result<void> checkGraphs(const std::filesystem::path& folder) {
  std::error_code error;
  for (std::filesystem::recursive_directory_iterator at(folder, error), end; at != end && !error;
       at.increment(error)) {
    const auto& path = at->path();
    std::error_code ignored;
    if (!store::isGraphPath(path.native()) || !at->is_regular_file(ignored)) continue;
    const auto wrong = path.extension() == ".gguf" ? errorOf(gguf::readModelFile(path))
                                                   : errorOf(onnx::readModelFile(path));
    if (wrong && wrong->category == ErrorCategory::InvalidModel) return std::unexpected(*wrong);
  }
  return {};  // what can't be read is told when it is imported
}

/// Exports are often of less than config.json says: of the states without the head.
bool suits(std::string_view task, const onnx::ModelInfo& graph) {
  if (task == "multimodal-embedding") return graph.findInput("pixel_values") != nullptr;
  const bool pictures = graph.findInput("pixel_values") != nullptr;
  return graph.findOutput("logits") != nullptr && pictures == (task == "image-classification");
}

/// A folder with a tokenizer is a transformers.js model; of those, this version runs encoders.
std::string guessTask(const std::vector<store::ModelFile>& files, const onnx::ModelInfo& graph) {
  const bool tokenizer =
      std::ranges::any_of(files, [](const auto& file) { return file.path == "tokenizer.json"; });
  const bool encoder = graph.findInput("input_ids") != nullptr &&
                       (graph.findOutput("last_hidden_state") != nullptr ||
                        graph.findOutput("token_embeddings") != nullptr);
  return tokenizer && encoder ? "text-embedding" : "tensors";
}

}  // namespace

ModelSource::ModelSource(std::filesystem::path dataFolder,
                         std::unique_ptr<store::ContentStore> content)
    : dataFolder_(std::move(dataFolder)),
      content_(std::move(content)),
      catalogue_(store::Catalogue::builtIn()),
      repository_(std::make_unique<store::ModelRepository>(*content_)),
      installer_(std::make_unique<store::ModelInstaller>(*repository_, catalogue_,
                                                         store::systemPackageFetcher())) {}

Result<std::unique_ptr<ModelSource>> ModelSource::open(const std::filesystem::path& given) {
  const auto dataFolder = base::absoluteFolder(given);
  auto content = store::ContentStore::open(dataFolder / "store", base::systemRandom());
  if (!content) return std::unexpected(content.error());
  return std::unique_ptr<ModelSource>(new ModelSource(dataFolder, std::move(*content)));
}

void ModelSource::useFetchers(std::unique_ptr<store::FileFetcher> byCid,
                              sources::TreeFetcher tree) {
  installer_->useFetcher(std::move(byCid));
  fetchTree_ = std::move(tree);
}

Result<ResolvedModel> ModelSource::describe(store::ModelSelection selection, std::string_view task,
                                            std::string_view component, unsigned context) const {
  const auto name = selection.name;
  const auto root = selection.root.text();
  auto resolved = readSelection(std::move(selection), task, component, context);
  if (resolved || resolved.error().category != ErrorCategory::Integrity) return resolved;
  return std::unexpected(damagedModel(name, root, resolved.error()));
}

Result<ResolvedModel> ModelSource::readSelection(store::ModelSelection selection,
                                                 std::string_view task, std::string_view component,
                                                 unsigned context) const {
  const auto* entry = catalogue_.find(selection.name);
  ResolvedModel resolved;
  resolved.files = std::move(selection.files);
  auto& description = resolved.description;
  if (auto noted = readNotes(resolved); !noted) return std::unexpected(noted.error());
  std::string guessed;
  if (task.empty() && component.empty() && entry == nullptr) {
    auto read = guessFromConfig(resolved.files);
    if (!read) return std::unexpected(read.error());
    guessed = std::move(*read);
    task = guessed;
  }
  description.name = selection.name;
  description.dtype = selection.dtype;
  description.cid = selection.root.text();
  description.components = componentsOf(resolved.files);
  const auto main = mainComponent(task, component, entry);
  const auto* known = wholeTask(task, component, entry, resolved.files);
  auto chosen = known != nullptr ? chooseWhole(description, *known, component)
                                 : chooseComponent(description.components, main, selection.name);
  if (!chosen && !task.empty() && component.empty() &&
      chosen.error().category == ErrorCategory::NotFound) {
    return fail(
        ErrorCategory::InvalidArgument,
        fmt::format("the model '{}' has no graph {}, which {} needs", selection.name, main, task),
        chosen.error().hint);
  }
  if (!chosen) return std::unexpected(chosen.error());
  if (known != nullptr) {
    keepComponents(resolved.files, known->graphs);
  } else {
    if (description.components.size() > 1) {
      const std::string_view one = *chosen;
      keepComponents(resolved.files, std::span(&one, 1));
    }
    resolved.componentChosen =
        description.components.size() == 1 || !main.empty() || chosen->starts_with("model");
    description.component = *chosen;
  }
  const auto* graph = graphOf(resolved.files, *chosen);
  if (graph == nullptr) {
    return fail(ErrorCategory::InvalidModel,
                fmt::format("the model '{}' has no .onnx or .gguf file", selection.name),
                "a model folder holds onnx/model.onnx, or one .onnx or .gguf file");
  }
  if (graph->path.ends_with(".gguf")) {
    auto header = readGguf(*graph);
    if (!header) return std::unexpected(header.error());
    description.language = languageOf(*header, context);
    resolved.gguf = std::move(*header);
  } else {
    auto read = readGraph(*graph, resolved);
    if (!read) return std::unexpected(read.error());
    resolved.graph = std::move(read->info);
    resolved.graphBytes = read->bytes;
  }
  for (const auto& file : resolved.files) description.bytes += file.size;
  description.usesFp16 = resolved.graph.usesFp16;
  if (known != nullptr) {
    for (const auto name : std::span(known->graphs).subspan(1)) {
      auto more = readGraph(*graphOf(resolved.files, name), resolved);
      if (!more) return std::unexpected(more.error());
      description.usesFp16 = description.usesFp16 || more->info.usesFp16;
      resolved.more.push_back(std::move(*more));
    }
    description.task = known->name;
  } else {
    if (!guessed.empty() && !suits(guessed, resolved.graph)) task = {};
    description.task = !task.empty()                                       ? std::string(task)
                       : entry != nullptr && !isForMore(*entry, component) ? entry->task
                       : entry != nullptr                                  ? "tensors"
                       : resolved.gguf                                     ? "text-generation"
                                       : guessTask(resolved.files, resolved.graph);
    known = findTask(description.task);
  }
  if (known == nullptr) {
    return fail(ErrorCategory::InvalidArgument, fmt::format("unknown task '{}'", description.task),
                "one of " + taskNames());
  }
  if (resolved.gguf.has_value() != (known->name == "text-generation")) {
    return fail(ErrorCategory::InvalidArgument,
                fmt::format("the model '{}' is {}, which the task {} does not run", selection.name,
                            resolved.gguf ? "GGUF" : "ONNX", known->name),
                resolved.gguf ? "load it for the task text-generation"
                              : "text-generation takes GGUF models");
  }
  if (auto fits = checkContext(description, context); !fits) return std::unexpected(fits.error());
  if (auto fits = readTaskFile(resolved, *known); !fits) return std::unexpected(fits.error());
  if (auto found = findGolden(resolved, store::ModelFile(*graph)); !found) {
    return std::unexpected(found.error());
  }
  description.metadata = resolved.graph.metadata;
  for (const auto& port : resolved.graph.inputs) description.inputs.push_back(toSpec(port));
  for (const auto& port : resolved.graph.outputs) description.outputs.push_back(toSpec(port));
  return resolved;
}

/// webpool.json, which is no part of what a page loads.
Result<void> ModelSource::readNotes(ResolvedModel& resolved) const {
  const auto file = std::ranges::find(resolved.files, kNotes, &store::ModelFile::path);
  if (file == resolved.files.end()) return {};
  const auto bytes = read(*file);
  if (!bytes) return std::unexpected(bytes.error());
  resolved.files.erase(file);
  boost::system::error_code error;
  const auto notes = boost::json::parse(bytes->text(), error);
  const auto* weights =
      !error && notes.is_object() ? notes.get_object().if_contains("weights") : nullptr;
  if (weights == nullptr) return {};
  if (!weights->is_string() || weights->get_string() != "random") {
    return fail(ErrorCategory::InvalidModel,
                fmt::format("{}: \"weights\" may only be \"random\"", kNotes));
  }
  resolved.description.weights = "random";
  return {};
}

/// What config.json says that the model is for; empty where that is no task of ours, or where what
/// the task needs is not there.
Result<std::string> ModelSource::guessFromConfig(const std::vector<store::ModelFile>& files) const {
  const auto has = [&](std::string_view path) {
    return std::ranges::find(files, path, &store::ModelFile::path) != files.end();
  };
  const auto file = std::ranges::find(files, "config.json", &store::ModelFile::path);
  if (file == files.end()) return std::string();
  const auto bytes = read(*file);
  if (!bytes) return std::unexpected(bytes.error());
  const auto config = tasks::readModelConfig(bytes->text());
  if (!config) return std::string();  // The task that reads it will say what is wrong.
  const auto* task = findTask(tasks::taskOfArchitecture(config->architecture));
  if (task == nullptr || (!task->needsFile.empty() && !has(task->needsFile))) return std::string();
  const auto components = componentsOf(files);
  if (!task->component.empty() &&
      std::ranges::find(components, task->component) == components.end()) {
    return std::string();
  }
  return std::string(task->name);
}

Result<Graph> ModelSource::readGraph(const store::ModelFile& graph,
                                     const ResolvedModel& resolved) const {
  const auto stored = content_->resolve(graph.cid);
  if (!stored) return std::unexpected(stored.error());
  const auto bytes = store::mapContent(std::get<store::ResolvedFile>(*stored).content);
  if (!bytes) return std::unexpected(bytes.error());
  auto info = onnx::readModel(*bytes);
  if (!info) {
    auto error = info.error();
    error.message = fmt::format(
        "{}: {}", graph.path.empty() ? resolved.description.name : graph.path, error.message);
    return std::unexpected(std::move(error));
  }
  for (const auto& external : info->externalFiles) {
    const auto beside = (std::filesystem::path(graph.path).parent_path() / external.path).native();
    const auto found = std::ranges::find(resolved.files, beside, &store::ModelFile::path);
    if (found == resolved.files.end()) {
      return missingData(graph.path, beside);
    }
    if (found->size < external.minimumSize) {
      return fail(ErrorCategory::InvalidModel,
                  fmt::format("{} is cut off: {} bytes, and {} reads {}", beside, found->size,
                              graph.path, external.minimumSize),
                  "get the file again, whole, and add the model again");
    }
  }
  return Graph{std::move(*info), graph.size};
}

Result<gguf::ModelInfo> ModelSource::readGguf(const store::ModelFile& file) const {
  const auto stored = content_->resolve(file.cid);
  if (!stored) return std::unexpected(stored.error());
  const auto bytes = store::mapContent(std::get<store::ResolvedFile>(*stored).content);
  if (!bytes) return std::unexpected(bytes.error());
  auto header = gguf::readModel(bytes->view());
  if (header) return header;
  auto error = header.error();
  error.message = fmt::format("{}: {}", file.path, error.message);
  return std::unexpected(std::move(error));
}

Result<Bytes> ModelSource::read(const store::ModelFile& file) const {
  const auto stored = content_->resolve(file.cid);
  if (!stored) return std::unexpected(stored.error());
  return store::readContent(std::get<store::ResolvedFile>(*stored).content);
}

/// What a task needs beside its graphs is there, and tells what its runs are given.
Result<void> ModelSource::readTaskFile(ResolvedModel& resolved, const Task& task) const {
  resolved.parameters = task.parameters;
  if (task.needsFile.empty()) return {};
  const auto file = std::ranges::find(resolved.files, task.needsFile, &store::ModelFile::path);
  if (file == resolved.files.end()) {
    return fail(ErrorCategory::InvalidArgument,
                fmt::format("the model '{}' has no {}, which {} needs", resolved.description.name,
                            task.needsFile, task.name),
                "give the folder that holds it, or load it for the task tensors");
  }
  if (task.parametersFrom == nullptr) return {};
  const auto bytes = read(*file);
  if (!bytes) return std::unexpected(bytes.error());
  auto parameters = task.parametersFrom(bytes->text());
  if (!parameters) return std::unexpected(parameters.error());
  resolved.parameters = std::move(*parameters);
  return {};
}

/// The file beside the model, which is no part of what a page loads; else the catalogue's answers.
Result<void> ModelSource::findGolden(ResolvedModel& resolved, const store::ModelFile& graph) const {
  const auto& description = resolved.description;
  for (const auto& path : goldenPaths(graph.path)) {
    const auto file = std::ranges::find(resolved.files, path, &store::ModelFile::path);
    if (file == resolved.files.end()) continue;
    const auto golden = *file;
    resolved.description.bytes -= file->size;
    resolved.files.erase(file);
    if (resolved.goldenGiven) continue;
    const auto bytes = read(golden);
    if (!bytes) return std::unexpected(bytes.error());
    auto answers = readGolden(bytes->text(), description.dtype, description.task, resolved.graph,
                              description.component);
    if (!answers) {
      auto error = answers.error();
      error.message = fmt::format("{}: {}", path, error.message);
      return std::unexpected(std::move(error));
    }
    resolved.goldenGiven = !answers->empty();
    resolved.golden = std::move(*answers);
  }
  if (resolved.goldenGiven) return {};
  // A file of the user's own may be one that the catalogue knows by its content.
  const auto known = catalogue_.findFile(graph.cid);
  if (known.entry == nullptr || known.entry->golden.empty()) return {};
  auto answers = readGolden(known.entry->golden, known.file->dtype.value_or(description.dtype),
                            description.task, resolved.graph, description.component);
  if (!answers) return std::unexpected(answers.error());
  resolved.golden = std::move(*answers);
  return {};
}

Result<ResolvedModel> ModelSource::resolveBits(std::string_view model,
                                               const ModelOptions& options) {
  if (!options.dtype.empty()) {
    return fail(ErrorCategory::InvalidArgument, "both a dtype and a precision are given",
                "leave one of them out");
  }
  const auto dtypes = dtypesFor(options.precision, options.mixedPrecision);
  if (!dtypes) return std::unexpected(dtypes.error());
  std::optional<Error> first;
  for (const auto& dtype : *dtypes) {
    auto one = options;
    one.precision = 0;
    one.mixedPrecision = false;
    one.dtype = dtype;
    auto resolved = resolve(model, one);
    if (resolved || resolved.error().category != ErrorCategory::NotFound) return resolved;
    if (!first) first = resolved.error();
  }
  return fail(ErrorCategory::NotFound,
              fmt::format("{} has no weights of {} bits{}", model,
                          options.mixedPrecision ? 4 : options.precision,
                          options.mixedPrecision ? " in mixed precision" : ""),
              first->hint);
}

/// A name that is known is that model, whatever lies in the working directory.
bool ModelSource::isPath(std::string_view model) const {
  if (looksLikePath(model)) return true;
  if (catalogue_.find(model) != nullptr || repository_->show(std::string(model))) return false;
  std::error_code ignored;
  return std::filesystem::exists(model, ignored);
}

Result<ResolvedModel> ModelSource::resolve(std::string_view model, const ModelOptions& options) {
  if (options.precision != 0 || options.mixedPrecision) return resolveBits(model, options);
  if (model.starts_with(kByCid)) return resolveCid(model, options);
  if (isPath(model)) {
    // A name of its own for each path: running ./b/model.onnx must not displace ./a/model.onnx.
    const auto path = std::filesystem::absolute(model).lexically_normal();
    const auto digest = cid::sha256(std::as_bytes(std::span(path.native())));
    return add(model,
               fmt::format("{}-{:02x}{:02x}{:02x}{:02x}", nameFromPath(path),
                           std::to_integer<int>(digest[0]), std::to_integer<int>(digest[1]),
                           std::to_integer<int>(digest[2]), std::to_integer<int>(digest[3])),
               options);
  }
  auto selection = installer_->ensure(model, options.dtype, jobOptions(options));
  if (!selection) return std::unexpected(selection.error());
  return describeOrMend(*selection, options);
}

Result<ResolvedModel> ModelSource::add(std::string_view model, const std::string& name,
                                       const ModelOptions& options) {
  std::error_code ignored;
  const bool ofCatalogue = !looksLikePath(model) && catalogue_.find(model) != nullptr;
  if (ofCatalogue || (!looksLikePath(model) && !std::filesystem::exists(model, ignored))) {
    if (!name.empty() && name != model) {
      return fail(ErrorCategory::InvalidArgument, "a catalogue model keeps its name",
                  "leave --name out, or give a file or folder");
    }
    return resolve(model, options);
  }
  const std::filesystem::path path(model);
  if (!std::filesystem::exists(path, ignored)) {
    return fail(ErrorCategory::NotFound,
                fmt::format("there is no file or folder {}", path.native()),
                "check the path; `webpool models list` shows the names that are known");
  }
  const auto chosen = name.empty() ? nameFromPath(path) : name;
  std::vector<std::string> companions;
  if (std::filesystem::is_regular_file(path, ignored)) {
    auto checked = checkFile(path);
    if (!checked) return std::unexpected(checked.error());
    companions = std::move(*checked);
  } else if (auto checked = checkGraphs(path); !checked) {
    return std::unexpected(checked.error());
  }
  if (catalogue_.find(chosen) != nullptr) {
    return fail(ErrorCategory::InvalidArgument,
                fmt::format("'{}' is the name of a catalogue model", chosen),
                "keep the file under another name: webpool models add PATH --name NAME");
  }
  // A name that is taken keeps its model until the new one is known to be of use.
  const bool replaces = repository_->show(chosen).has_value();
  const auto staged = replaces ? "new-" + base::randomHex(base::systemRandom(), 8) : chosen;
  auto added = repository_->addPath(staged, path, jobOptions(options), companions);
  if (!added) return std::unexpected(added.error());
  auto selection = repository_->select(staged, options.dtype);
  if (selection) selection->name = chosen;
  auto described =
      selection ? describe(std::move(*selection), options.task, options.component, options.context)
                : Result<ResolvedModel>(std::unexpected(called(selection.error(), staged, chosen)));
  // Without the dtype that was asked for it is not what the caller wants to have.
  const bool unusable = (!described && described.error().category == ErrorCategory::InvalidModel) ||
                        (!selection && selection.error().category == ErrorCategory::NotFound);
  if (replaces && !unusable) {
    auto kept = repository_->add(chosen, added->roots.front().root);
    if (!kept) described = std::unexpected(kept.error());
  }
  if (replaces || unusable) {
    if (auto removed = repository_->remove(staged); !removed && described) {
      return std::unexpected(removed.error());
    }
  }
  return described;
}

std::vector<std::string> ModelSource::dtypesHere(std::string_view name) const {
  const auto model = repository_->show(name);
  return model ? model->dtypes() : std::vector<std::string>();
}

Result<ResolvedModel> ModelSource::resolveCid(std::string_view address,
                                              const ModelOptions& options) {
  const auto root = sources::parseIpfsAddress(address);
  if (!root) return std::unexpected(root.error());
  const auto name = root->text();
  return repository_->show(name) ? selectHere(name, options) : addByCid(*root, name, options);
}

Result<ResolvedModel> ModelSource::addByCid(const cid::Cid& root, std::string name,
                                            const ModelOptions& options) {
  if (name.empty()) name = root.text();
  if (catalogue_.find(name) != nullptr) {
    return fail(ErrorCategory::InvalidArgument,
                fmt::format("'{}' is the name of a catalogue model", name),
                "keep it under another name with --name NAME");
  }
  const auto hold = content_->beginHold();
  if (!hold) return std::unexpected(hold.error());
  const auto fetched = fetchTree_ ? fetchTree_(root, (*hold)->pin(root), jobOptions(options))
                                  : fail(ErrorCategory::NotFound, root.text() + " is not here");
  if (!fetched) return std::unexpected(fetched.error());
  return nameFetched(root, name, options);
}

std::optional<Error> ModelSource::damageBehind(const Error& error,
                                               const ResolvedModel& model) const {
  const bool wrong = error.category == ErrorCategory::Integrity;
  if (!wrong && error.category != ErrorCategory::Fetch) return std::nullopt;
  for (const auto& file : model.files) {
    // What was sent and found wrong is hashed, which marks it; what was not sent is marked already.
    const auto right = wrong ? content_->verify(file.cid) : openable(*content_, file.cid);
    if (right || right.error().category != ErrorCategory::Integrity) continue;
    return damagedModel(model.description.name, model.description.cid, right.error());
  }
  return std::nullopt;
}

Result<void> ModelSource::mend(const ResolvedModel& model, const ModelOptions& options) {
  const auto& description = model.description;
  const auto root = cid::Cid::parse(description.cid);
  if (!root) return std::unexpected(root.error());
  const auto* entry = catalogue_.find(description.name);
  const auto* variant = entry != nullptr ? entry->variant(description.dtype) : nullptr;
  if (variant != nullptr && variant->root == *root) {
    const auto ensured =
        installer_->ensure(description.name, description.dtype, jobOptions(options));
    return ensured ? Result<void>() : std::unexpected(ensured.error());
  }
  return fetchTree(*root, options);
}

Result<void> ModelSource::fetchTree(const cid::Cid& root, const ModelOptions& options) {
  if (!fetchTree_) return fail(ErrorCategory::NotFound, root.text() + " is not here");
  const auto hold = content_->beginHold();
  if (!hold) return std::unexpected(hold.error());
  return fetchTree_(root, (*hold)->pin(root), jobOptions(options));
}

Result<ResolvedModel> ModelSource::describeOrMend(const store::ModelSelection& selection,
                                                  const ModelOptions& options) {
  auto resolved = describe(selection, options.task, options.component, options.context);
  if (resolved || resolved.error().category != ErrorCategory::Integrity) return resolved;
  if (!fetchTree(selection.root, options)) return resolved;
  return describe(selection, options.task, options.component, options.context);
}

Result<ResolvedModel> ModelSource::nameFetched(const cid::Cid& root, const std::string& name,
                                               const ModelOptions& options) {
  const auto origin =
      boost::json::serialize(boost::json::object{{"kind", "ipfs"}, {"cid", root.text()}});
  if (isWhole(*content_, root)) {
    if (auto has = checkDtype(*content_, root, name, options.dtype); !has) {
      return std::unexpected(has.error());
    }
    auto kept = repository_->add(name, root.normalized(), "", origin);
    if (!kept) return std::unexpected(kept.error());
    return selectHere(name, options);
  }
  auto folder = sources::LockedFolder::open(
      dataFolder_ / "downloads" / ("model-" + root.normalized().text()), options.stop);
  if (!folder) return std::unexpected(folder.error());
  const auto content = folder->path() / "content";
  std::error_code ignored;
  std::filesystem::remove_all(content, ignored);
  const auto written = content_->exportPath(root, content, jobOptions(options));
  auto added = written ? add(content.native(), name, options)
                       : Result<ResolvedModel>(std::unexpected(written.error()));
  std::move(*folder).remove();
  if (!added) return added;
  const auto kept = cid::Cid::parse(added->description.cid);
  if (!kept) return std::unexpected(kept.error());
  auto pinned = repository_->add(name, *kept, "", origin);
  if (!pinned) return std::unexpected(pinned.error());
  return added;
}

Result<ResolvedModel> ModelSource::selectHere(const std::string& name,
                                              const ModelOptions& options) {
  auto selection = repository_->select(name, options.dtype);
  if (!selection) return std::unexpected(selection.error());
  return describeOrMend(*selection, options);
}

Result<ResolvedModel> ModelSource::findHere(std::string_view name, std::string_view dtype,
                                            std::string_view component) const {
  const auto* entry = catalogue_.find(name);
  auto selection =
      repository_->select(entry != nullptr ? std::string_view(entry->name) : name, dtype);
  if (!selection && entry != nullptr && !repository_->show(entry->name)) {
    return fail(ErrorCategory::NotFound,
                fmt::format("the catalogue knows \"{}\", but it is not here yet", entry->name),
                fmt::format("webpool models add {} fetches it", entry->name));
  }
  if (!selection) return std::unexpected(selection.error());
  return describe(std::move(*selection), "", component);
}

}  // namespace webpool::pool
