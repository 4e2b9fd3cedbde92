#include "store/model_repository.h"

#include <algorithm>
#include <map>
#include <set>
#include <system_error>

#include <fmt/format.h>

namespace webpool::store {
namespace {

constexpr auto kKind = "model";
constexpr std::size_t kMaxName = 200;

std::unexpected<Error> unknownModel(std::string_view name) {
  return fail(ErrorCategory::NotFound, fmt::format("there is no model \"{}\"", name),
              "webpool models list shows what there is");
}

Result<void> checkIsModel(const std::vector<ModelFile>& files) {
  auto chosen = dtypesOf(files);
  if (!chosen.empty()) return {};
  return fail(ErrorCategory::InvalidModel, "there is no .onnx or .gguf file in it",
              "a model folder holds at least one of them");
}

/// A root that is a single file has an empty path; a model's files need a name.
std::vector<ModelFile> classifyRoot(std::vector<TreeFile> files) {
  for (auto& file : files) {
    if (file.path.empty()) file.path = "model.onnx";
  }
  return classify(std::move(files));
}

/// Whether a model could be in there at all, before gigabytes of it are read.
bool holdsModel(const std::filesystem::path& folder) {
  using Entries = std::filesystem::recursive_directory_iterator;
  std::error_code failure;
  Entries entries(folder, std::filesystem::directory_options::skip_permission_denied, failure);
  for (; !failure && entries != Entries(); entries.increment(failure)) {
    if (isGraphPath(entries->path().native())) return true;
  }
  return false;
}

/// Names below the file's folder: itself, and the external data that lies beside it, under the
/// usual names or as the model calls it.
Result<std::vector<std::string>> filesOfModel(const std::filesystem::path& path,
                                              const std::vector<std::string>& companions) {
  std::vector<std::string> files{path.filename().native()};
  const auto name = path.filename().native();
  const auto stem = path.stem().native();
  auto folder = path.parent_path();
  if (folder.empty()) folder = ".";
  std::error_code failure;
  for (const auto& entry : std::filesystem::directory_iterator(folder, failure)) {
    const auto other = entry.path().filename().native();
    if (other.starts_with(name + "_data") || other == name + ".data" || other == stem + ".data") {
      files.push_back(other);
    }
  }
  if (failure) return std::unexpected(base::fileError("can't list", folder, failure.value()));
  for (const auto& companion : companions) {
    if (std::ranges::find(files, companion) == files.end()) files.push_back(companion);
  }
  return files;
}

}  // namespace

Result<void> checkModelName(std::string_view name) {
  const auto allowed = [](char letter) {
    return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
           (letter >= '0' && letter <= '9') || std::string_view("._-/").contains(letter);
  };
  if (name.empty() || name.size() > kMaxName || !std::ranges::all_of(name, allowed) ||
      std::string_view("./").contains(name.front()) || name.back() == '/' || name.contains("..") ||
      name.contains("//")) {
    return fail(ErrorCategory::InvalidArgument,
                fmt::format("\"{}\" can't name a model", name.substr(0, kMaxName)),
                "use letters, digits, '.', '_', '-' and '/' between parts");
  }
  return {};
}

std::vector<std::string> Model::dtypes() const {
  std::set<std::string> all;
  for (const auto& root : roots) {
    for (auto& dtype : dtypesOf(root.files)) {
      if (root.variant.empty() || root.variant == dtype) all.insert(std::move(dtype));
    }
  }
  return {all.begin(), all.end()};
}

std::uint64_t Model::bytes() const {
  std::map<cid::Cid, std::uint64_t> distinct;
  for (const auto& root : roots) {
    for (const auto& file : root.files) distinct[file.cid] = file.size;
  }
  std::uint64_t sum = 0;
  for (const auto& [cid, size] : distinct) sum += size;
  return sum;
}

Result<Model> ModelRepository::add(const std::string& name, const cid::Cid& root,
                                   const std::string& variant, const std::string& origin) {
  if (auto checked = checkModelName(name); !checked) return std::unexpected(checked.error());
  auto files = store_.listFiles(root);
  if (!files) return std::unexpected(files.error());
  auto isModel = checkIsModel(classifyRoot(std::move(*files)));
  if (!isModel) return std::unexpected(isModel.error());
  if (auto pinned = store_.addPin({kKind, name, variant, root, 0, origin}); !pinned) {
    return std::unexpected(pinned.error());
  }
  if (auto dropped = dropReplaced(name, variant); !dropped) {
    return std::unexpected(dropped.error());
  }
  return show(name);
}

Result<Model> ModelRepository::addPath(const std::string& name, const std::filesystem::path& path,
                                       const JobOptions& options,
                                       const std::vector<std::string>& companions) {
  if (auto checked = checkModelName(name); !checked) return std::unexpected(checked.error());
  auto session = store_.beginImport();
  if (!session) return std::unexpected(session.error());
  std::error_code failure;
  if (std::filesystem::is_directory(path, failure)) {
    if (!holdsModel(path)) return std::unexpected(checkIsModel({}).error());
    auto added = (*session)->addFolder(path, options);
    if (!added) return std::unexpected(added.error());
  } else {
    if (!isGraphPath(path.native()) && std::filesystem::exists(path, failure)) {
      return fail(ErrorCategory::InvalidModel,
                  fmt::format("{} is no .onnx or .gguf file", path.native()),
                  "give such a file or a folder that holds one");
    }
    auto files = filesOfModel(path, companions);
    if (!files) return std::unexpected(files.error());
    const auto folder = path.parent_path();
    std::uint64_t total = 0;
    for (const auto& file : *files) {
      const auto size = std::filesystem::file_size(folder / file, failure);
      if (!failure) total += size;
    }
    std::uint64_t done = 0;
    for (const auto& file : *files) {
      auto added = (*session)->addFile(
          {file, folder / file, std::nullopt, {}, ImportSession::Take::Copy}, options, done, total);
      if (!added) return std::unexpected(added.error());
      done += added->size;
    }
  }
  if (auto isModel = checkIsModel(classify((*session)->files())); !isModel) {
    return std::unexpected(isModel.error());
  }
  auto imported = (*session)->commit({kKind, name, "", {}, 0}, std::nullopt, options);
  if (!imported) return std::unexpected(imported.error());
  if (auto dropped = dropReplaced(name, ""); !dropped) {
    return std::unexpected(dropped.error());
  }
  return show(name);
}

Result<void> ModelRepository::dropReplaced(const std::string& name, const std::string& variant) {
  auto pins = store_.pins(kKind);
  if (!pins) return std::unexpected(pins.error());
  for (const auto& pin : *pins) {
    // A root for one dtype lives beside those of other dtypes, never beside a root for all.
    if (pin.name != name || pin.variant == variant) continue;
    if (!variant.empty() && !pin.variant.empty()) continue;
    if (auto removed = store_.removePin(kKind, name, pin.variant); !removed) return removed;
  }
  // The pin may have named something else before.
  auto collected = store_.collect();
  if (!collected) return std::unexpected(collected.error());
  return {};
}

Result<std::vector<Model>> ModelRepository::list() const {
  auto pins = store_.pins(kKind);
  if (!pins) return std::unexpected(pins.error());
  std::vector<Model> models;
  for (const auto& pin : *pins) {
    auto files = store_.listFiles(pin.cid);
    if (!files) return std::unexpected(files.error());
    if (models.empty() || models.back().name != pin.name) models.push_back({pin.name, {}});
    models.back().roots.push_back(
        {pin.variant, pin.cid, classifyRoot(std::move(*files)), pin.origin});
  }
  return models;
}

Result<Model> ModelRepository::show(std::string_view name) const {
  auto pins = store_.pins(kKind);
  if (!pins) return std::unexpected(pins.error());
  Model model{std::string(name), {}};
  for (const auto& pin : *pins) {
    if (pin.name != name) continue;
    auto files = store_.listFiles(pin.cid);
    if (!files) return std::unexpected(files.error());
    model.roots.push_back({pin.variant, pin.cid, classifyRoot(std::move(*files)), pin.origin});
  }
  if (model.roots.empty()) return unknownModel(name);
  return model;
}

Result<ModelSelection> ModelRepository::select(std::string_view name,
                                               std::string_view dtype) const {
  auto model = show(name);
  if (!model) return std::unexpected(model.error());
  auto chosen = chooseDtype(model->dtypes(), dtype);
  if (!chosen) {
    auto error = chosen.error();
    error.message = fmt::format("\"{}\": {}", name, error.message);
    return std::unexpected(std::move(error));
  }
  for (const auto& root : model->roots) {
    const auto dtypes = dtypesOf(root.files);
    if (std::ranges::find(dtypes, *chosen) == dtypes.end()) continue;
    if (!root.variant.empty() && root.variant != *chosen) continue;
    auto files = filesForDtype(root.files, *chosen);
    if (!files) return std::unexpected(files.error());
    ModelSelection selection{model->name, *chosen, root.root, std::move(*files), 0};
    for (const auto& file : selection.files) selection.bytes += file.size;
    return selection;
  }
  return unknownModel(name);
}

Result<void> ModelRepository::remove(std::string_view name,
                                     std::optional<std::string_view> variant) {
  return store_.removePin(kKind, name, variant);
}

}  // namespace webpool::store
