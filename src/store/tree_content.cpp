// What a person asks of content: what it is, what lies in it, its bytes.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>

#include "cid/dag_walk.h"
#include "cid/resolve_path.h"
#include "cid/sha256_lanes.h"
#include "store/ingest.h"
#include "store/tree_reader.h"

namespace webpool::store {
namespace {

std::span<const std::byte> asBytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

/// What a block that is no raw leaf is, for a person.
struct Seen {
  ContentKind kind = ContentKind::Block;
  std::uint64_t fileSize = 0;
  std::string target = {};  ///< of a link
};

Seen look(const cid::Cid& cid, std::string_view block) {
  if (cid.codec() != cid::Codec::DagPb) return {};
  auto entity = cid::readUnixFsEntity(asBytes(block));
  if (!entity) return {};
  if (const auto* file = std::get_if<cid::FileNode>(&*entity)) {
    return {ContentKind::File, file->size};
  }
  if (auto* link = std::get_if<cid::SymlinkNode>(&*entity)) {
    return {ContentKind::Link, 0, std::move(link->target)};
  }
  return {ContentKind::Folder};
}

/// The block and what its links say of theirs.
std::uint64_t dagSizeOf(const cid::Cid& cid, std::string_view block) {
  std::uint64_t size = block.size();
  if (cid.codec() != cid::Codec::DagPb) return size;
  if (const auto node = cid::decodeNode(asBytes(block))) {
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

Result<std::uint64_t> TreeReader::fileSize(const cid::Cid& cid) const {
  if (cid.codec() != cid::Codec::DagPb && cid.isIdentity()) return cid.hash().digest.size();
  auto regions = index_.regions(cid);
  if (!regions) return std::unexpected(regions.error());
  if (!regions->empty()) return regions->front().length;
  if (cid.codec() != cid::Codec::DagPb) {
    const auto packed = index_.packed(cid);
    if (!packed) return std::unexpected(packed.error());
    if (*packed) return (*packed)->length;
    return fail(ErrorCategory::NotFound, fmt::format("the store does not hold {}", cid.text()),
                "import it, or check the CID");
  }
  const auto read = entity(cid);
  if (!read) return std::unexpected(read.error());
  if (const auto* file = std::get_if<cid::FileNode>(&*read)) return file->size;
  return fail(ErrorCategory::InvalidArgument, fmt::format("{} is no file", cid.text()));
}

Result<ContentDescription> TreeReader::describe(const cid::Cid& cid,
                                                const std::stop_token& stop) const {
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
  auto seen = look(cid, *block);
  about.kind = seen.kind;
  about.dagSize = dagSizeOf(cid, *block);
  about.target = std::move(seen.target);
  about.bytes = about.kind == ContentKind::Link ? about.target.size() : block->size();
  if (about.kind != ContentKind::File && about.kind != ContentKind::Folder) {
    about.files = 0;
    return about;
  }
  const auto below = measure(cid, stop, false);
  if (!below) return std::unexpected(below.error());
  about.bytes = below->bytes;
  about.files = below->files;
  return about;
}

Result<ContentEntry> TreeReader::entry(const cid::Link& link) const {
  ContentEntry entry{.name = link.name, .cid = link.cid, .size = link.size.value_or(0)};
  const auto missing = [&](const Error& error) -> Result<ContentEntry> {
    if (error.category != ErrorCategory::NotFound) return std::unexpected(error);
    entry.here = false;
    return entry;
  };
  if (link.cid.codec() == cid::Codec::Raw) {
    const auto size = fileSize(link.cid);
    if (!size) return missing(size.error());
    entry.size = *size;
    return entry;
  }
  const auto block = nodeBlock(link.cid);
  if (!block) return missing(block.error());
  auto seen = look(link.cid, *block);
  entry.kind = seen.kind;
  if (seen.kind == ContentKind::File) entry.size = seen.fileSize;
  if (seen.kind == ContentKind::Block) entry.size = block->size();
  if (seen.kind == ContentKind::Link) {
    entry.target = std::move(seen.target);
    entry.size = entry.target.size();
  }
  return entry;
}

Result<std::vector<ContentEntry>> TreeReader::list(const cid::Cid& cid) const {
  std::vector<cid::Link> links{{cid, "", std::nullopt}};
  if (cid.codec() == cid::Codec::DagPb) {
    const auto block = nodeBlock(cid);
    if (!block) return std::unexpected(block.error());
    if (look(cid, *block).kind == ContentKind::Folder) {
      TreeBlocks blocks(*this);
      auto listed = cid::listFolder(blocks, cid);
      if (!listed) return std::unexpected(listed.error());
      links = std::move(*listed);
    }
  }
  std::vector<ContentEntry> entries;
  entries.reserve(links.size());
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
        noteDamage(file);
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

Result<void> TreeReader::readBlocks(const cid::Cid& cid, const PieceSink& sink,
                                    const JobOptions& options) const {
  TreeBlocks blocks(*this);
  cid::FileWalk walk(blocks, cid);
  while (true) {
    if (options.stop.stop_requested()) return cancelled();
    const auto step = walk.next();
    if (!step) return std::unexpected(step.error());
    if (!*step) return {};
    if ((*step)->data.empty()) continue;
    if (auto taken = sink((*step)->data.view()); !taken) return taken;
  }
}

Result<void> TreeReader::hashBlocks(const cid::Cid& file, const JobOptions& options) const {
  TreeBlocks blocks(*this);
  cid::FileWalk walk(blocks, file, {}, true);
  Progress progress{Progress::Phase::Verify, "", 0, 0};
  while (true) {
    if (options.stop.stop_requested()) return cancelled();
    const auto step = walk.next();
    if (!step) return std::unexpected(step.error());
    if (!*step) return {};
    progress.done += (*step)->data.size();
    if (options.progress) options.progress(progress);
  }
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
  if (itself->kind == ContentKind::Block) return std::unexpected(whyNoEntity(cid));
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
  return readBlocks(cid, counted, options);
}

}  // namespace webpool::store
