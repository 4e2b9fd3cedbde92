#include "store/tree_reader.h"

#include <fcntl.h>

#include <algorithm>

#include <fmt/format.h>

#include "store/ingest.h"
#include "store/symlink.h"

namespace webpool::store {
namespace {

constexpr unsigned kMaxDepth = 128;
constexpr std::size_t kMaxFiles = 1'000'000;

std::span<const std::byte> asBytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

std::unexpected<Error> notHeld(const cid::Cid& cid) {
  return fail(ErrorCategory::NotFound, fmt::format("the store does not hold {}", cid.text()),
              "import it, or check the CID");
}

bool isIdentity(const cid::Cid& cid) {
  return cid.hash().function == cid::HashFunction::Identity;
}

}  // namespace

const char* const kDamageHint = "remove it and import or fetch it again";

std::filesystem::path storedPath(const std::filesystem::path& storeFolder,
                                 const cid::Digest& sha256) {
  return storeFolder / "files" / cid::hexText(sha256);
}

Result<std::string> TreeReader::nodeBlock(const cid::Cid& cid) const {
  if (isIdentity(cid)) return cid.hash().digest;
  auto block = index_.node(cid);
  if (!block) return std::unexpected(block.error());
  if (*block && cid.matches(asBytes(**block))) return std::move(**block);
  const auto packed = packs_.find(index_, cid);
  if (!packed) return std::unexpected(packed.error());
  if (*packed) {
    const auto bytes = readContent(**packed);
    if (!bytes) return std::unexpected(bytes.error());
    return std::string(bytes->text());
  }
  if (!*block) return notHeld(cid);
  return fail(ErrorCategory::Integrity,
              fmt::format("the stored node {} does not match its hash", cid.text()), kDamageHint);
}

Result<Content> TreeReader::block(const cid::Cid& cid) const {
  if (cid.codec() == cid::Codec::Raw) return content(cid);
  auto node = nodeBlock(cid);
  if (!node) return std::unexpected(node.error());
  return Content(Bytes::adopt(std::move(*node)));
}

Result<cid::UnixFsNode> TreeReader::node(const cid::Cid& cid) const {
  auto block = nodeBlock(cid);
  if (!block) return std::unexpected(block.error());
  return cid::readUnixFsNode(asBytes(*block));
}

Result<cid::Cid> TreeReader::descend(const cid::Cid& root, std::string_view path) const {
  auto current = root;
  std::string walked;
  while (!path.empty()) {
    const auto name = path.substr(0, path.find('/'));
    path.remove_prefix(std::min(path.size(), name.size() + 1));
    if (name.empty()) continue;
    const cid::Link* found = nullptr;
    Result<cid::UnixFsNode> read = cid::DirectoryNode{};
    if (current.codec() == cid::Codec::DagPb) {
      read = node(current);
      if (!read) return std::unexpected(read.error());
      if (const auto* directory = std::get_if<cid::DirectoryNode>(&*read)) {
        const auto entry = std::ranges::find(directory->entries, name, &cid::Link::name);
        if (entry != directory->entries.end()) found = &*entry;
      }
    }
    if (!found) {
      return fail(ErrorCategory::NotFound,
                  fmt::format("{}{} has no entry \"{}\"", root.text(), walked, name),
                  "list the folder to see its entries");
    }
    current = found->cid;
    walked += fmt::format("/{}", name);
  }
  return current;
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

Result<Content> TreeReader::content(const cid::Cid& cid) const {
  if (isIdentity(cid) && cid.codec() == cid::Codec::Raw) {
    return Content(Bytes::copyOf(std::string_view(cid.hash().digest)));
  }
  auto regions = index_.regions(cid);
  if (!regions) return std::unexpected(regions.error());
  std::optional<Error> firstError;
  for (const auto& region : *regions) {
    auto opened = open(region.file);
    if (opened) {
      return Content(StoredRegion{std::make_shared<const base::FileDescriptor>(std::move(*opened)),
                                  region.offset, region.length});
    }
    if (!firstError) firstError = opened.error();
  }
  if (cid.codec() == cid::Codec::Raw) {
    auto packed = packs_.find(index_, cid);
    if (!packed) return std::unexpected(packed.error());
    if (*packed) return Content(std::move(**packed));
    return firstError ? std::unexpected(*firstError) : notHeld(cid);
  }
  if (firstError) return std::unexpected(*firstError);
  const auto read = node(cid);  // a small file may lie inside its node
  if (!read) return std::unexpected(read.error());
  const auto* file = std::get_if<cid::FileNode>(&*read);
  if (!file) return notHeld(cid);
  if (!file->parts.empty()) {
    return fail(ErrorCategory::Unsupported,
                fmt::format("the file {} is kept in blocks, not whole", cid.text()),
                "read it block by block");
  }
  return Content(Bytes::copyOf(std::string_view(file->data)));
}

Result<std::uint64_t> TreeReader::fileSize(const cid::Cid& cid) const {
  if (isIdentity(cid) && cid.codec() == cid::Codec::Raw) return cid.hash().digest.size();
  auto regions = index_.regions(cid);
  if (!regions) return std::unexpected(regions.error());
  if (!regions->empty()) return regions->front().length;
  if (cid.codec() == cid::Codec::Raw) {
    const auto packed = index_.packed(cid);
    if (!packed) return std::unexpected(packed.error());
    return *packed ? Result<std::uint64_t>((*packed)->length) : notHeld(cid);
  }
  auto read = node(cid);
  if (!read) return std::unexpected(read.error());
  const auto* file = std::get_if<cid::FileNode>(&*read);
  return file ? Result<std::uint64_t>(file->size) : notHeld(cid);
}

Result<void> TreeReader::collectFiles(const cid::Cid& cid, const std::string& path, unsigned depth,
                                      std::vector<TreeFile>& files) const {
  if (depth > kMaxDepth || files.size() >= kMaxFiles) {
    return fail(ErrorCategory::Unsupported,
                fmt::format("the folder is deeper than {} levels or has over {} files", kMaxDepth,
                            kMaxFiles));
  }
  if (cid.codec() == cid::Codec::DagPb) {
    const auto block = nodeBlock(cid);
    if (!block) return std::unexpected(block.error());
    if (symlinkTarget(asBytes(*block))) return {};
    const auto read = cid::readUnixFsNode(asBytes(*block));
    if (!read) return std::unexpected(read.error());
    if (const auto* directory = std::get_if<cid::DirectoryNode>(&*read)) {
      for (const auto& entry : directory->entries) {
        const auto entryPath = path.empty() ? entry.name : path + "/" + entry.name;
        auto collected = collectFiles(entry.cid, entryPath, depth + 1, files);
        if (!collected) return collected;
      }
      return {};
    }
  }
  auto size = fileSize(cid);
  if (!size) return std::unexpected(size.error());
  files.push_back({path, cid, *size});
  return {};
}

Result<std::vector<TreeFile>> TreeReader::files(const cid::Cid& root) const {
  std::vector<TreeFile> files;
  if (auto collected = collectFiles(root, "", 0, files); !collected) {
    return std::unexpected(collected.error());
  }
  return files;
}

}  // namespace webpool::store
