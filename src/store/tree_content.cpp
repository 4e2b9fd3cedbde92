// What a person asks of content: what it is, what lies in it, its bytes.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <unordered_set>

#include <fmt/format.h>

#include "cid/sha256_lanes.h"
#include "store/ingest.h"
#include "store/symlink.h"
#include "store/tree_reader.h"

namespace webpool::store {
namespace {

/// A file's tree that is deeper was made to be.
constexpr unsigned kDeepestFile = 64;

std::span<const std::byte> asBytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

ContentKind kindOf(std::span<const std::byte> block) {
  const auto node = cid::decodeNode(block);
  if (!node || !node->data) return ContentKind::Block;
  const auto data = cid::decodeUnixFs(asBytes(*node->data));
  if (!data) return ContentKind::Block;
  switch (data->type) {
    case cid::UnixFsType::File:
    case cid::UnixFsType::Raw:
      return ContentKind::File;
    case cid::UnixFsType::Directory:
    case cid::UnixFsType::HamtShard:
      return ContentKind::Folder;
    case cid::UnixFsType::Symlink:
      return ContentKind::Link;
    case cid::UnixFsType::Metadata:
      break;
  }
  return ContentKind::Block;
}

/// The block and what its links say of theirs.
std::uint64_t dagSizeOf(std::span<const std::byte> block) {
  std::uint64_t size = block.size();
  if (const auto node = cid::decodeNode(block)) {
    for (const auto& link : node->links) size += link.size.value_or(0);
  }
  return size;
}

std::unexpected<Error> cancelled() {
  return fail(ErrorCategory::Cancelled, "cancelled");
}

}  // namespace

std::string_view kindName(ContentKind kind) noexcept {
  switch (kind) {
    case ContentKind::File:
      return "file";
    case ContentKind::Folder:
      return "folder";
    case ContentKind::Link:
      return "link";
    case ContentKind::Block:
      break;
  }
  return "block";
}

Result<void> TreeReader::checkComplete(const cid::Cid& root) const {
  std::unordered_set<std::string> seen;
  std::vector<cid::Cid> pending{root};
  while (!pending.empty()) {
    const auto cid = std::move(pending.back());
    pending.pop_back();
    if (cid.hash().function == cid::HashFunction::Identity && cid.codec() == cid::Codec::Raw) {
      continue;
    }
    if (!seen.insert(cid.normalized().bytes()).second) continue;
    const auto regions = index_.regions(cid);
    if (!regions) return std::unexpected(regions.error());
    if (!regions->empty()) continue;  // a whole file, or a part of one
    if (cid.codec() != cid::Codec::DagPb) {
      const auto size = fileSize(cid);
      if (!size) return std::unexpected(size.error());
      continue;
    }
    const auto block = nodeBlock(cid);
    if (!block) return std::unexpected(block.error());
    auto node = cid::decodeNode(asBytes(*block));
    if (!node) return std::unexpected(node.error());
    for (auto& link : node->links) pending.push_back(std::move(link.cid));
  }
  return {};
}

Result<ContentDescription> TreeReader::describe(const cid::Cid& cid) const {
  ContentDescription about{.cid = cid, .files = 1};
  const auto row = index_.fileByRoot(cid);
  if (!row) return std::unexpected(row.error());
  if (*row) {
    about.bytes = (*row)->stamp.size;
    about.dagSize = (*row)->dagSize;
    about.sha256 = (*row)->sha256;
    about.linked = (*row)->stamp.linkedCtimeNs != 0;
    return about;
  }
  if (cid.codec() == cid::Codec::Raw) {
    const auto size = fileSize(cid);
    if (!size) return std::unexpected(size.error());
    about.bytes = about.dagSize = *size;
    if (const auto& digest = cid.hash().digest; digest.size() == about.sha256.emplace().size()) {
      std::ranges::copy(asBytes(digest), about.sha256->begin());
    } else {
      about.sha256.reset();
    }
    return about;
  }
  const auto block = nodeBlock(cid);
  if (!block) return std::unexpected(block.error());
  about.kind = kindOf(asBytes(*block));
  about.dagSize = dagSizeOf(asBytes(*block));
  about.target = symlinkTarget(asBytes(*block)).value_or("");
  about.bytes = about.kind == ContentKind::Link ? about.target.size() : block->size();
  if (about.kind != ContentKind::File && about.kind != ContentKind::Folder) {
    about.files = 0;
    return about;
  }
  const auto below = files(cid);
  if (!below) return std::unexpected(below.error());
  about.bytes = 0;
  about.files = below->size();
  for (const auto& file : *below) about.bytes += file.size;
  return about;
}

Result<ContentEntry> TreeReader::entry(const cid::Link& link) const {
  ContentEntry entry{.name = link.name, .cid = link.cid, .size = link.size.value_or(0)};
  const auto missing = [&](const Error& error) -> Result<ContentEntry> {
    if (error.category != ErrorCategory::NotFound) return std::unexpected(error);
    entry.here = false;
    return entry;
  };
  if (link.cid.codec() == cid::Codec::DagPb) {
    const auto block = nodeBlock(link.cid);
    if (!block) return missing(block.error());
    entry.kind = kindOf(asBytes(*block));
    if (entry.kind == ContentKind::Link) {
      entry.target = symlinkTarget(asBytes(*block)).value_or("");
      entry.size = entry.target.size();
    }
    if (entry.kind != ContentKind::File) return entry;
  }
  const auto size = fileSize(link.cid);
  if (!size) return missing(size.error());
  entry.size = *size;
  return entry;
}

Result<std::vector<ContentEntry>> TreeReader::list(const cid::Cid& cid) const {
  std::vector<ContentEntry> entries;
  std::vector<cid::Link> links{{cid, "", std::nullopt}};
  if (cid.codec() == cid::Codec::DagPb) {
    const auto block = nodeBlock(cid);
    if (!block) return std::unexpected(block.error());
    if (kindOf(asBytes(*block)) == ContentKind::Folder) {
      auto read = cid::readUnixFsNode(asBytes(*block));
      if (!read) return std::unexpected(read.error());
      if (auto* directory = std::get_if<cid::DirectoryNode>(&*read)) {
        links = std::move(directory->entries);
      }
    }
  }
  for (const auto& link : links) {
    auto one = entry(link);
    if (!one) return std::unexpected(one.error());
    entries.push_back(std::move(*one));
  }
  std::ranges::sort(entries, {}, &ContentEntry::name);
  return entries;
}

Result<void> TreeReader::readWhole(const FileRow& file, const PieceSink& sink,
                                   const JobOptions& options) const {
  const auto opened = open(file);
  if (!opened) return std::unexpected(opened.error());
  const auto lanes = std::max<std::size_t>(1, cid::sha256LaneCount());
  std::vector<std::byte> buffer(std::min(file.stamp.size, lanes * cid::kLeafSize));
  std::vector<std::span<const std::byte>> pieces;
  std::vector<cid::Digest> digests;
  Progress progress{Progress::Phase::Verify, "", 0, file.stamp.size};
  for (std::size_t leaf = 0; leaf < file.leaves.size(); leaf += pieces.size()) {
    if (options.stop.stop_requested()) return cancelled();
    const auto offset = leaf * cid::kLeafSize;
    const auto length = std::min<std::uint64_t>(buffer.size(), file.stamp.size - offset);
    const auto filled = readAt(opened->get(), std::span(buffer).first(length), offset,
                               storedPath(folder_, file.sha256));
    if (!filled) return std::unexpected(filled.error());
    pieces.clear();
    std::span<const std::byte> rest(buffer.data(), *filled);
    do {
      pieces.push_back(rest.first(std::min<std::size_t>(rest.size(), cid::kLeafSize)));
      rest = rest.subspan(pieces.back().size());
    } while (!rest.empty());
    digests.resize(pieces.size());
    cid::sha256Each(pieces, digests);
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      if (digests[i] != file.leaves[leaf + i]) {
        return fail(
            ErrorCategory::Integrity,
            fmt::format("the stored file {} ({}) does not match its hash in the 1 MiB "
                        "leaf {}",
                        storedPath(folder_, file.sha256).native(), file.root.text(), leaf + i),
            kDamageHint);
      }
      if (auto taken = sink(pieces[i]); !taken) return taken;
    }
    progress.done = offset + *filled;
    if (options.progress) options.progress(progress);
  }
  return {};
}

Result<void> TreeReader::readBlocks(const cid::Cid& cid, std::uint64_t length, unsigned depth,
                                    const PieceSink& sink, const JobOptions& options) const {
  if (options.stop.stop_requested()) return cancelled();
  const auto wrong = [&](std::string_view what) {
    return fail(ErrorCategory::Protocol, fmt::format("{} {}", cid.text(), what));
  };
  if (depth > kDeepestFile) return wrong("lies too deep in its file");
  if (cid.codec() == cid::Codec::Raw) {
    const auto found = content(cid);
    if (!found) return std::unexpected(found.error());
    const auto bytes = readContent(*found);
    if (!bytes) return std::unexpected(bytes.error());
    if (!cid.matches(bytes->view())) {
      return fail(ErrorCategory::Integrity,
                  fmt::format("the stored leaf {} does not match its hash", cid.text()),
                  kDamageHint);
    }
    if (bytes->size() != length) return wrong("has another size than its file says");
    return sink(bytes->view());
  }
  const auto read = node(cid);
  if (!read) return std::unexpected(read.error());
  const auto* file = std::get_if<cid::FileNode>(&*read);
  if (file == nullptr) return wrong("is no part of a file");
  if (file->size != length) return wrong("has another size than its file says");
  if (!file->data.empty()) {
    if (auto taken = sink(asBytes(file->data)); !taken) return taken;
  }
  for (const auto& part : file->parts) {
    auto below = readBlocks(part.cid, part.size, depth + 1, sink, options);
    if (!below) return below;
  }
  return {};
}

Result<void> TreeReader::read(const cid::Cid& cid, const PieceSink& sink,
                              const JobOptions& options) const {
  const auto row = index_.fileByRoot(cid);
  if (!row) return std::unexpected(row.error());
  if (*row) return readWhole(**row, sink, options);
  const auto itself = entry({cid, "", std::nullopt});
  if (!itself) return std::unexpected(itself.error());
  if (!itself->here) {
    return fail(ErrorCategory::NotFound, fmt::format("the store does not hold {}", cid.text()),
                "import it, or check the CID");
  }
  if (itself->kind != ContentKind::File) {
    return fail(ErrorCategory::InvalidArgument,
                fmt::format("{} is a {} and no file", cid.text(), kindName(itself->kind)));
  }
  Progress progress{Progress::Phase::Verify, "", 0, itself->size};
  const auto counted = [&](std::span<const std::byte> piece) -> Result<void> {
    progress.done += piece.size();
    if (options.progress) options.progress(progress);
    return sink(piece);
  };
  return readBlocks(cid, itself->size, 0, counted, options);
}

}  // namespace webpool::store
