#include "store/tree_reader.h"

#include <fcntl.h>

#include <fmt/format.h>

#include "cid/dag_walk.h"
#include "cid/resolve_path.h"
#include "store/ingest.h"

namespace webpool::store {
namespace {

std::span<const std::byte> asBytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

std::unexpected<Error> notHeld(const cid::Cid& cid) {
  return fail(ErrorCategory::NotFound, fmt::format("the store does not hold {}", cid.text()),
              "import it, or check the CID");
}

std::unexpected<Error> mismatch(std::string_view what, const cid::Cid& cid) {
  return fail(ErrorCategory::Integrity,
              fmt::format("the stored {} {} does not match its hash", what, cid.text()),
              kDamageHint);
}

}  // namespace

const char* const kDamageHint =
    "add or import it again, or bring it anew with webpool content fetch, from --peer or "
    "--gateway";

std::filesystem::path storedPath(const std::filesystem::path& storeFolder,
                                 const cid::Digest& sha256) {
  return storeFolder / "files" / cid::hexText(sha256);
}

Result<std::string> TreeReader::nodeBlock(const cid::Cid& cid) const {
  if (cid.isIdentity()) return cid.hash().digest;
  auto block = index_.node(cid);
  if (!block) return std::unexpected(block.error());
  if (*block && cid.matches(asBytes(**block))) return std::move(**block);
  const auto packed = packs_.find(index_, cid);
  if (!packed) return std::unexpected(packed.error());
  if (*packed) {
    const auto bytes = readContent(**packed);
    if (!bytes) return std::unexpected(bytes.error());
    if (!cid.matches(bytes->view())) return mismatch("block", cid);
    return std::string(bytes->text());
  }
  if (!*block) return notHeld(cid);
  return mismatch("node", cid);
}

Result<Content> TreeReader::block(const cid::Cid& cid) const {
  if (cid.codec() == cid::Codec::Raw) return leaf(cid);
  auto node = nodeBlock(cid);
  if (!node) return std::unexpected(node.error());
  return Content(Bytes::adopt(std::move(*node)));
}

Result<Bytes> TreeBlocks::get(const cid::Cid& cid) {
  const auto block = tree_.block(cid);
  if (!block) return std::unexpected(block.error());
  auto bytes = readContent(*block);
  // Other blocks than leaves were hashed when they were read.
  if (bytes && cid.codec() == cid::Codec::Raw && !cid.matches(bytes->view())) {
    (void)tree_.intactBlock(cid);  // marks the file
    return mismatch("leaf", cid);
  }
  return bytes;
}

std::optional<Bytes> TreeReader::intactBlock(const cid::Cid& cid) const {
  const auto regions =
      cid.codec() == cid::Codec::Raw ? index_.regions(cid) : Result<std::vector<RegionRow>>();
  if (!regions) return std::nullopt;
  for (const auto& region : *regions) {
    // Not by open(): a file that is known to be damaged may be so elsewhere.
    const auto path = storedPath(folder_, region.file.sha256);
    auto file = base::openFile(path, O_RDONLY | O_NOFOLLOW);
    if (!file) continue;
    auto bytes =
        readContent(StoredRegion{std::make_shared<const base::FileDescriptor>(std::move(*file)),
                                 region.offset, region.length});
    if (bytes && cid.matches(bytes->view())) return std::move(*bytes);
    if (bytes || bytes.error().category == ErrorCategory::Integrity) noteDamage(region.file);
  }
  const auto content = TreeReader(folder_, index_, packs_).block(cid);
  if (!content) return std::nullopt;
  auto bytes = readContent(*content);
  if (!bytes || !cid.matches(bytes->view())) return std::nullopt;
  return std::move(*bytes);
}

Result<cid::UnixFsEntity> TreeReader::entity(const cid::Cid& cid) const {
  auto block = nodeBlock(cid);
  if (!block) return std::unexpected(block.error());
  return cid::readUnixFsEntity(asBytes(*block));
}

Error TreeReader::whyNoEntity(const cid::Cid& cid) const {
  const auto block = nodeBlock(cid);
  return block ? cid::whyNoEntity(cid, asBytes(*block)) : block.error();
}

Result<cid::Cid> TreeReader::descend(const cid::Cid& root, std::string_view path) const {
  TreeBlocks blocks(*this);
  auto found = cid::resolvePath(blocks, root, path);
  if (!found) return std::unexpected(found.error());
  if (!found->rest.empty()) {
    return fail(ErrorCategory::Unsupported,
                fmt::format("{} leads to a value inside the block {}, which has no CID", path,
                            found->cid.text()),
                "give the path to a block");
  }
  return std::move(found->cid);
}

Result<base::FileDescriptor> TreeReader::open(const FileRow& file) const {
  const auto path = storedPath(folder_, file.sha256);
  auto opened = base::openFile(path, O_RDONLY | O_NOFOLLOW);
  if (!opened) {
    if (opened.error().category != ErrorCategory::NotFound) return opened;
    return fail(ErrorCategory::Integrity,
                fmt::format("the stored file {} ({}) is gone from the disk", path.native(),
                            file.root.text()),
                kDamageHint);
  }
  auto state = stateOf(opened->get(), path);
  if (!state) return std::unexpected(state.error());
  const bool linked = file.stamp.linkedCtimeNs != 0;
  if (FileStamp{state->size, state->mtimeNs, linked ? state->ctimeNs : 0} != file.stamp) {
    return fail(
        ErrorCategory::Integrity,
        fmt::format("the stored file {} ({}) {}", path.native(), file.root.text(),
                    file.stamp.mtimeNs == kDamaged ? "does not match its hash"
                                                   : "was changed since it was last verified"),
        kDamageHint);
  }
  return opened;
}

Result<std::optional<Content>> TreeReader::inWholeFile(const cid::Cid& cid, bool isLeaf) const {
  auto regions = index_.regions(cid);
  if (!regions) return std::unexpected(regions.error());
  std::optional<Error> firstError;
  for (const auto& region : *regions) {
    auto opened = open(region.file);
    if (opened && isLeaf && check_ != nullptr) {
      const auto path = storedPath(folder_, region.file.sha256);
      if (auto right = check_->check(region, cid, *opened, path); !right) {
        opened = std::unexpected(right.error());
      }
    }
    if (opened) {
      return Content(StoredRegion{std::make_shared<const base::FileDescriptor>(std::move(*opened)),
                                  region.offset, region.length});
    }
    if (!firstError) firstError = opened.error();
  }
  if (firstError) return std::unexpected(std::move(*firstError));
  return std::optional<Content>();
}

Result<Content> TreeReader::leaf(const cid::Cid& cid) const {
  if (cid.isIdentity()) return Content(Bytes::copyOf(std::string_view(cid.hash().digest)));
  auto whole = inWholeFile(cid, true);
  if (whole && *whole) return std::move(**whole);
  auto packed = packs_.find(index_, cid);
  if (!packed) return std::unexpected(packed.error());
  if (*packed) return Content(std::move(**packed));
  if (!whole) return std::unexpected(whole.error());
  return notHeld(cid);
}

Result<std::optional<Content>> TreeReader::onePiece(const cid::Cid& cid) const {
  if (cid.codec() == cid::Codec::Raw) return leaf(cid);
  if (cid.codec() == cid::Codec::DagPb) {
    auto whole = inWholeFile(cid, false);
    if (!whole || *whole) return whole;
    const auto read = entity(cid);
    if (!read) return std::unexpected(read.error());
    if (const auto* file = std::get_if<cid::FileNode>(&*read)) {
      if (!file->parts.empty()) return std::optional<Content>();
      return Content(Bytes::copyOf(std::string_view(file->data)));  // it lies inside its node
    }
  }
  return fail(ErrorCategory::InvalidArgument, fmt::format("{} is no file", cid.text()));
}

}  // namespace webpool::store
