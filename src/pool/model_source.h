// From what a caller calls a model to the files to load: a catalogue or repository name, an .onnx
// file, a folder. Joins the content store, the repository, the catalogue and the ONNX reader.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gguf/model.h"
#include "onnx/model.h"
#include "pool/golden.h"
#include "sources/catalogue_fetch.h"
#include "store/catalogue.h"
#include "store/model_installer.h"
#include "store/model_repository.h"
#include "webpool/model.h"
#include "webpool/options.h"

namespace webpool::pool {

struct Task;

struct Graph {
  onnx::ModelInfo info;
  std::uint64_t bytes = 0;  ///< of its file
};

struct ResolvedModel {
  ModelDescription description;
  onnx::ModelInfo graph;                ///< of the component's graph file; empty for GGUF
  std::uint64_t graphBytes = 0;         ///< of that file
  std::vector<Graph> more;              ///< those that are loaded with it
  std::optional<gguf::ModelInfo> gguf;  ///< of a GGUF model
  boost::json::object parameters;       ///< of a run that is given none
  bool componentChosen = true;          ///< false: there are several, and none was asked for
  std::vector<store::ModelFile> files;  ///< all that the dtype needs, paths below the root
  /// Golden answers for the task and dtype, the quickest first; may be empty.
  std::vector<Golden> golden;
  bool goldenGiven = false;  ///< by a file beside the model; else by the catalogue
};

/// Every call is synchronous, may take as long as a download, and may be made from any thread.
class ModelSource {
 public:
  static Result<std::unique_ptr<ModelSource>> open(const std::filesystem::path& dataFolder);

  /// `byCid` is asked for the files of catalogue models before their packages are, `tree` for
  /// models by their CIDs. Before all other calls.
  void useFetchers(std::unique_ptr<store::FileFetcher> byCid, sources::TreeFetcher tree);

  /// "ipfs://CID" is fetched; a path (it contains a '/' or ends in .onnx or .gguf, or is no name
  /// that is known, and exists) is imported; anything else is looked up and, when the catalogue
  /// knows it, fetched. `options` gives task, dtype, progress and stop.
  Result<ResolvedModel> resolve(std::string_view model, const ModelOptions& options);

  /// The same, kept under `name` (a path needs one unless its file name is a good one).
  Result<ResolvedModel> add(std::string_view model, const std::string& name,
                            const ModelOptions& options);

  /// A model by its CID under `name` (empty: the CID). Where its publisher cut files in other
  /// blocks than the store does, they are put together and imported, and its CID is another one.
  Result<ResolvedModel> addByCid(const cid::Cid& root, std::string name,
                                 const ModelOptions& options);

  /// Only what is here; fetches nothing.
  Result<ResolvedModel> findHere(std::string_view name, std::string_view dtype,
                                 std::string_view component) const;

  /// The dtypes of that model whose weights are here; none of a name that is not here.
  std::vector<std::string> dtypesHere(std::string_view name) const;

  /// The catalogue says which dtype is meant where none is asked for.
  bool hasDefault(std::string_view name) const { return catalogue_.find(name) != nullptr; }

  Result<Bytes> read(const store::ModelFile& file) const;

  /// Why a load failed, where that is: what a page could not get, or found wrong, may be damaged in
  /// the store. It is marked then, so that it is fetched anew. Blocks.
  std::optional<Error> damageBehind(const Error& error, const ResolvedModel& model) const;

  /// Fetches anew what was marked as damaged: from where the catalogue has it, or from the sources
  /// of the fetchers. Blocks.
  Result<void> mend(const ResolvedModel& model, const ModelOptions& options);

  const store::ModelRepository& repository() const { return *repository_; }
  store::ModelRepository& repository() { return *repository_; }
  const store::Catalogue& catalogue() const { return catalogue_; }
  const store::ContentStore& content() const { return *content_; }

 private:
  ModelSource(std::filesystem::path dataFolder, std::unique_ptr<store::ContentStore> content);
  Result<ResolvedModel> resolveCid(std::string_view address, const ModelOptions& options);
  Result<ResolvedModel> nameFetched(const cid::Cid& root, const std::string& name,
                                    const ModelOptions& options);
  /// Named as it is here.
  Result<ResolvedModel> selectHere(const std::string& name, const ModelOptions& options);
  Result<void> fetchTree(const cid::Cid& root, const ModelOptions& options);
  /// Of a damaged one what is missing is fetched anew, where somebody has it.
  Result<ResolvedModel> describeOrMend(const store::ModelSelection& selection,
                                       const ModelOptions& options);
  Result<ResolvedModel> describe(store::ModelSelection selection, std::string_view task,
                                 std::string_view component, unsigned context = 0) const;
  /// The same with the store's own errors.
  Result<ResolvedModel> readSelection(store::ModelSelection selection, std::string_view task,
                                      std::string_view component, unsigned context) const;
  bool isPath(std::string_view model) const;
  /// For `options.precision` bits.
  Result<ResolvedModel> resolveBits(std::string_view model, const ModelOptions& options);
  Result<void> readNotes(ResolvedModel& resolved) const;
  Result<std::string> guessFromConfig(const std::vector<store::ModelFile>& files) const;
  /// The graph of that file and of its external data, which must be among the files.
  Result<Graph> readGraph(const store::ModelFile& graph, const ResolvedModel& resolved) const;
  Result<gguf::ModelInfo> readGguf(const store::ModelFile& file) const;
  Result<void> readTaskFile(ResolvedModel& resolved, const Task& task) const;
  Result<void> findGolden(ResolvedModel& resolved, const store::ModelFile& graph) const;

  std::filesystem::path dataFolder_;
  std::unique_ptr<store::ContentStore> content_;
  store::Catalogue catalogue_;
  std::unique_ptr<store::ModelRepository> repository_;
  std::unique_ptr<store::ModelInstaller> installer_;
  sources::TreeFetcher fetchTree_;
};

}  // namespace webpool::pool
