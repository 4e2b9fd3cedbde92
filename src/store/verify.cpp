// Rehashing what is stored.
#include <fcntl.h>

#include <algorithm>

#include <fmt/format.h>

#include "store/content_store.h"
#include "store/index.h"
#include "store/ingest.h"
#include "store/rehash.h"
#include "store/tree_reader.h"

namespace webpool::store {

Result<void> rehash(Index& index, const std::filesystem::path& path, const FileRow& row,
                    const IngestProgress& progress, const std::stop_token& stop) {
  const auto damaged = [&](std::string what) -> Result<void> {
    if (auto marked = index.markDamaged(row); !marked) return marked;
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
  const bool linked = row.stamp.linkedCtimeNs != 0;
  const FileStamp now{state->size, state->mtimeNs, linked ? state->ctimeNs : 0};
  return now == row.stamp ? Result<void>() : index.setStamp(row.id, now);
}

Result<void> ContentStore::verify(const cid::Cid& root, const JobOptions& options) {
  const auto reader = tree();
  const auto parts = reader.parts(root, options.stop);
  if (!parts) return std::unexpected(parts.error());
  Progress progress{Progress::Phase::Verify, "", 0, 0};
  for (const auto& part : parts->all()) progress.total += part.size;
  for (const auto& file : parts->all()) {
    auto row = reader_->fileByRoot(file.cid);
    if (!row) return std::unexpected(row.error());
    progress.item = parts->pathOf(file);
    const auto before = progress.done;
    if (*row) {
      const auto report = [&](std::uint64_t done) {
        progress.done = before + done;
        if (options.progress) options.progress(progress);
      };
      auto hashed =
          rehash(*writer_, storedPath(folder_, (*row)->sha256), **row, report, options.stop);
      if (!hashed) return hashed;
    } else if (file.cid.codec() == cid::Codec::Cbor || file.cid.codec() == cid::Codec::Json) {
      if (auto block = reader.nodeBlock(file.cid); !block) return std::unexpected(block.error());
    } else {  // a leaf of some file, or a file that is kept in blocks
      const JobOptions inner{[&](const Progress& part) {
                               progress.done = before + part.done;
                               if (options.progress) options.progress(progress);
                             },
                             options.stop};
      if (auto hashed = reader.hashBlocks(file.cid, inner); !hashed) return hashed;
    }
    progress.done = before + file.size;
  }
  return {};
}

bool ContentStore::isDamagedBelow(const cid::Cid& root, const std::stop_token& stop) const {
  const auto reader = tree();
  const auto isDamage = [](const auto& outcome) {
    return !outcome && outcome.error().category == ErrorCategory::Integrity;
  };
  const auto parts = reader.parts(root, stop);
  if (!parts) return isDamage(parts);
  return std::ranges::any_of(parts->all(), [&](const TreeParts::Part& part) {
    const auto row = reader_->fileByRoot(part.cid);
    if (!row) return false;
    return *row ? isDamage(reader.open(**row)) : isDamage(reader.hashBlocks(part.cid, {{}, stop}));
  });
}

Result<std::vector<TreeFile>> ContentStore::findDamage(const cid::Cid& root,
                                                       const JobOptions& options) {
  const auto reader = tree();
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
