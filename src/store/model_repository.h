// Models by name. A name stands for one root folder, or for one root a dtype (as the catalogue
// installs them); the files of both lie in the content store once.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/content_store.h"
#include "store/model_layout.h"

namespace webpool::store {

struct ModelRoot {
  std::string variant;  ///< the dtype that this root was installed for; empty: all it holds
  cid::Cid root;
  std::vector<ModelFile> files;
  std::string origin = {};  ///< as in Pin
};

struct Model {
  std::string name;
  std::vector<ModelRoot> roots;

  std::vector<std::string> dtypes() const;
  std::uint64_t bytes() const;  ///< each distinct file once
};

/// What one dtype of a model consists of: what a worker is told to load.
struct ModelSelection {
  std::string name;
  std::string dtype;
  cid::Cid root;
  std::vector<ModelFile> files;  ///< paths below the root
  std::uint64_t bytes = 0;
};

/// Thread-safe; the store must outlive it. Same threads as the store's calls.
class ModelRepository {
 public:
  explicit ModelRepository(ContentStore& store) : store_(store) {}

  /// Gives a stored root a name, replacing what had it. `variant` as in ModelRoot.
  Result<Model> add(const std::string& name, const cid::Cid& root, const std::string& variant = {},
                    const std::string& origin = {});

  /// Imports a folder, or one .onnx file with the external data that lies beside it
  /// (x.onnx_data, x.onnx.data, x.data, and what `companions` name below its folder), and gives it
  /// a name.
  Result<Model> addPath(const std::string& name, const std::filesystem::path& path,
                        const JobOptions& options = {},
                        const std::vector<std::string>& companions = {});

  Result<std::vector<Model>> list() const;
  Result<Model> show(std::string_view name) const;

  /// Root and files for a dtype; empty: the only one there is, else fp32. NotFound names what there
  /// is instead.
  Result<ModelSelection> select(std::string_view name, std::string_view dtype = {}) const;

  /// Removes the name (or one dtype of it) and every file that nothing else uses.
  Result<void> remove(std::string_view name,
                      std::optional<std::string_view> variant = std::nullopt);

  ContentStore& store() const noexcept { return store_; }

 private:
  /// After a pin was set: removes what it took the place of.
  Result<void> dropReplaced(const std::string& name, const std::string& variant);

  ContentStore& store_;
};

/// Letters, digits, '.', '_', '-' and '/' inside; 1 to 200 letters.
Result<void> checkModelName(std::string_view name);

}  // namespace webpool::store
