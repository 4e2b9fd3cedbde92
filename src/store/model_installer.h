// Makes sure that a model is in the store: fetches what is missing from the sources that the
// catalogue lists, verifies every byte, keeps it.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "store/catalogue.h"
#include "store/model_repository.h"
#include "store/source.h"

namespace webpool::store {

/// Thread-safe; repository and catalogue must outlive it. ensure() can take minutes (a download):
/// call it from a worker thread.
class ModelInstaller {
 public:
  ModelInstaller(ModelRepository& repository, const Catalogue& catalogue,
                 std::unique_ptr<PackageFetcher> fetcher);
  ~ModelInstaller();

  /// Is asked for each file before the packages are. Before the first ensure().
  void useFetcher(std::unique_ptr<FileFetcher> byCid);

  /// A model of the catalogue or of the repository, ready to load; an empty dtype means the
  /// catalogue's default. Only missing or damaged files are fetched; two processes that ask at the
  /// same time fetch once, the second waits.
  /// NotFound lists known names; Fetch says how to get a missing client; Integrity names the source
  /// whose content was wrong, and nothing of it is stored.
  Result<ModelSelection> ensure(std::string_view name, std::string_view dtype = {},
                                const JobOptions& options = {});

 private:
  Result<bool> isWhole(const std::string& name, const CatalogueVariant& variant,
                       const JobOptions& options) const;
  Result<void> install(const CatalogueEntry& entry, const CatalogueVariant& variant,
                       const JobOptions& options);
  /// False where the packages have to be asked.
  Result<bool> fetchByCid(const CatalogueFile& file, ImportSession& session,
                          const JobOptions& options);

  ModelRepository& repository_;
  const Catalogue& catalogue_;
  std::unique_ptr<PackageFetcher> fetcher_;
  std::unique_ptr<FileFetcher> byCid_;
};

}  // namespace webpool::store
