// One import: files are staged one by one, then become visible together or not at all. Whatever
// ends it early (an error, destruction, kill -9) leaves the store as it was.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cid/cid.h"
#include "cid/tree.h"
#include "store/import_options.h"
#include "store/progress.h"
#include "store/resolve.h"
#include "webpool/error.h"

namespace webpool::store {

struct BuiltFolder;
class ContentStore;
struct Imported;
struct Pin;
class ResumeJournal;
class StagingFolder;

struct StagedFile {
  cid::Cid cid;
  cid::Digest sha256{};
  std::uint64_t size = 0;
};

/// Not thread-safe; must not outlive its ContentStore.
class ImportSession {
 public:
  enum class Take {
    Copy,  ///< the source stays (shared with the store where the file system can reflink)
    Move,  ///< the source is consumed; it must lie in workFolder()
    Link,  ///< the store gets another name of the source, which must lie on its disk
  };

  struct Item {
    std::string treePath;  ///< "onnx/model.onnx"; empty: the root is this one file
    std::filesystem::path source;
    std::optional<cid::Cid> expected;  ///< Integrity unless the content has this CID
    std::string origin;                ///< named in errors; default: the source's path
    Take take = Take::Copy;
  };

  ~ImportSession();

  /// Reads the source once: copies and hashes it. `done` and `total` of the progress count from
  /// `doneBefore` and to `total`.
  Result<StagedFile> addFile(const Item& item, const JobOptions& options = {},
                             std::uint64_t doneBefore = 0, std::uint64_t total = 0);

  /// All that lies below a folder of the disk, as the root's entries.
  Result<void> addFolder(const std::filesystem::path& folder, const JobOptions& options = {},
                         const ImportOptions& how = {});

  /// A symbolic link.
  Result<void> addLink(std::string treePath, std::string_view target);

  /// Keeps collections from those of the files that are here and, as far as a look tells, whole;
  /// says of each whether it is.
  Result<std::vector<bool>> hold(std::span<const cid::Cid> files);

  /// A file that the store already holds.
  Result<void> addExisting(std::string treePath, const cid::Cid& file);

  Result<void> addEmptyFolder(std::string treePath);

  /// What has been added so far, in that order.
  const std::vector<TreeFile>& files() const noexcept;

  /// Builds the folders, writes the index and moves the files in place. Integrity when `expected`
  /// is given and the root differs. The session is over whatever the outcome; where it is
  /// Cancelled and has a name, the next one of that name finds all that was read.
  Result<Imported> commit(const Pin& pin, const std::optional<cid::Cid>& expected = std::nullopt,
                          const JobOptions& options = {});

  /// A folder on the store's disk that goes with the session; for downloads.
  Result<std::filesystem::path> workFolder() const;

 private:
  friend class ContentStore;
  struct State;
  ImportSession(ContentStore& store, std::unique_ptr<StagingFolder> folder,
                std::unique_ptr<ResumeJournal> journal);
  void dropDamagedDoubles(const std::vector<BuiltFolder>& folders);

  ContentStore& store_;
  std::unique_ptr<State> state_;
};

}  // namespace webpool::store
