// Rehashing what is stored.
#include <fcntl.h>

#include <fmt/format.h>

#include "store/content_store.h"
#include "store/index.h"
#include "store/ingest.h"
#include "store/tree_reader.h"

namespace webpool::store {
namespace {

/// Whether the file on the disk has the leaves that the index lists; updates the stamp accordingly.
Result<void> rehash(Index& index, const std::filesystem::path& path, const FileRow& row,
                    const IngestProgress& progress, const std::stop_token& stop) {
  const auto damaged = [&](std::string what) -> Result<void> {
    if (auto marked = index.setStamp(row.id, kDamaged); !marked) return marked;
    return fail(ErrorCategory::Integrity,
                fmt::format("the stored file {} ({}) {}", path.native(), row.root.text(), what),
                kDamageHint);
  };
  auto file = base::openFile(path, O_RDONLY | O_NOFOLLOW);
  if (!file) {
    if (file.error().category == ErrorCategory::NotFound) return damaged("is gone from the disk");
    return std::unexpected(file.error());
  }
  auto state = stateOf(file->get(), path);
  if (!state) return std::unexpected(state.error());
  auto leaves = hashLeaves(file->get(), path, progress, stop);
  if (!leaves) return std::unexpected(leaves.error());
  if (state->size != row.stamp.size || leaves->size() != row.leaves.size()) {
    return damaged(fmt::format("has {} bytes instead of {}", state->size, row.stamp.size));
  }
  for (std::size_t i = 0; i < leaves->size(); ++i) {
    if ((*leaves)[i] != row.leaves[i]) {
      return damaged(fmt::format("does not match its hash in the 1 MiB leaf {}", i));
    }
  }
  if (state->mtimeNs == row.stamp.mtimeNs) return {};
  return index.setStamp(row.id, state->mtimeNs);
}

}  // namespace

Result<void> ContentStore::verify(const cid::Cid& root, const JobOptions& options) {
  const TreeReader reader(folder_, *reader_);
  auto files = reader.files(root);
  if (!files) return std::unexpected(files.error());
  Progress progress{Progress::Phase::Verify, "", 0, 0};
  for (const auto& file : *files) progress.total += file.size;
  for (const auto& file : *files) {
    auto row = reader_->fileByRoot(file.cid);
    if (!row) return std::unexpected(row.error());
    progress.item = file.path;
    const auto before = progress.done;
    if (*row) {
      const auto report = [&](std::uint64_t done) {
        progress.done = before + done;
        if (options.progress) options.progress(progress);
      };
      auto hashed =
          rehash(*writer_, storedPath(folder_, (*row)->sha256), **row, report, options.stop);
      if (!hashed) return hashed;
    } else {  // a leaf of some file, or content inside a CID or a node
      auto content = reader.content(file.cid);
      if (!content) return std::unexpected(content.error());
      auto bytes = readContent(*content);
      if (!bytes) return std::unexpected(bytes.error());
      if (file.cid.codec() == cid::Codec::Raw && !file.cid.matches(bytes->view())) {
        return fail(ErrorCategory::Integrity,
                    fmt::format("the stored leaf {} does not match its hash", file.cid.text()),
                    kDamageHint);
      }
    }
    progress.done = before + file.size;
  }
  return {};
}

Result<std::vector<TreeFile>> ContentStore::findDamage(const cid::Cid& root,
                                                       const JobOptions& options) {
  const TreeReader reader(folder_, *reader_);
  auto files = reader.files(root);
  if (!files) return std::unexpected(files.error());
  std::vector<TreeFile> damaged;
  for (const auto& file : *files) {
    auto row = reader_->fileByRoot(file.cid);
    if (!row) return std::unexpected(row.error());
    if (!*row || reader.open(**row)) continue;
    auto hashed = rehash(*writer_, storedPath(folder_, (*row)->sha256), **row, {}, options.stop);
    if (hashed) continue;
    if (hashed.error().category != ErrorCategory::Integrity) {
      return std::unexpected(hashed.error());
    }
    damaged.push_back(file);
  }
  return damaged;
}

}  // namespace webpool::store
