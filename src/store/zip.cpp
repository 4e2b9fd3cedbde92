#include "store/zip.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <new>

#include <fmt/format.h>
#include <zlib.h>

#include "store/ingest.h"

namespace webpool::store {
namespace {

constexpr std::uint32_t kEndMagic = 0x06054b50;
constexpr std::uint32_t kEntryMagic = 0x02014b50;
constexpr std::uint32_t kLocalMagic = 0x04034b50;
constexpr std::size_t kEndSize = 22;
constexpr std::size_t kEntrySize = 46;
constexpr std::size_t kLocalSize = 30;
constexpr std::size_t kMaxComment = 0xffff;
constexpr std::uint64_t kMaxDirectory = 64u << 20;
constexpr std::uint32_t kZip64 = 0xffffffff;
constexpr std::uint16_t kStored = 0;
constexpr std::uint16_t kDeflated = 8;
constexpr std::uint16_t kEncrypted = 1;

std::uint16_t u16(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint16_t>(static_cast<unsigned char>(bytes[at]) |
                                    static_cast<unsigned char>(bytes[at + 1]) << 8);
}

std::uint32_t u32(std::string_view bytes, std::size_t at) {
  return u16(bytes, at) | static_cast<std::uint32_t>(u16(bytes, at + 2)) << 16;
}

/// zlib's raw inflate, ended when destroyed.
class Inflater {
 public:
  Inflater() {
    if (inflateInit2(&stream_, -MAX_WBITS) != Z_OK) throw std::bad_alloc();
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  ~Inflater() { inflateEnd(&stream_); }
  z_stream& stream() { return stream_; }

 private:
  z_stream stream_{};
};

}  // namespace

std::unexpected<Error> ZipArchive::damaged(std::string_view what) const {
  return fail(ErrorCategory::Integrity,
              fmt::format("{} is no usable zip archive: {}", path_.native(), what),
              "fetch it again");
}

Result<std::string> ZipArchive::readAt(std::uint64_t offset, std::uint64_t length) const {
  if (offset > size_ || length > size_ - offset) return damaged("a part lies outside the archive");
  std::string bytes(static_cast<std::size_t>(length), '\0');
  std::size_t filled = 0;
  while (filled < bytes.size()) {
    const auto got = ::pread(file_.get(), bytes.data() + filled, bytes.size() - filled,
                             static_cast<off_t>(offset + filled));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::unexpected(base::fileError("can't read", path_, errno));
    if (got == 0) return damaged("it is cut off");
    filled += static_cast<std::size_t>(got);
  }
  return bytes;
}

Result<ZipArchive> ZipArchive::open(const std::filesystem::path& path) {
  auto file = base::openFile(path, O_RDONLY);
  if (!file) return std::unexpected(file.error());
  auto state = stateOf(file->get(), path);
  if (!state) return std::unexpected(state.error());
  ZipArchive archive(path, std::move(*file), state->size);
  if (auto read = archive.readDirectory(); !read) return std::unexpected(read.error());
  return archive;
}

Result<void> ZipArchive::readDirectory() {
  const auto tailSize = std::min<std::uint64_t>(size_, kEndSize + kMaxComment);
  auto tail = readAt(size_ - tailSize, tailSize);
  if (!tail) return std::unexpected(tail.error());
  std::size_t end = std::string::npos;
  for (std::size_t at = tail->size() < kEndSize ? 0 : tail->size() - kEndSize + 1; at-- > 0;) {
    if (u32(*tail, at) == kEndMagic && u16(*tail, at + 20) == tail->size() - at - kEndSize) {
      end = at;
      break;
    }
  }
  if (end == std::string::npos) return damaged("it has no end record");
  const auto count = u16(*tail, end + 10);
  const auto directorySize = u32(*tail, end + 12);
  const auto directoryOffset = u32(*tail, end + 16);
  if (directoryOffset == kZip64 || count == 0xffff) {
    return fail(ErrorCategory::Unsupported, path_.native() + " is a Zip64 archive");
  }
  if (directorySize > kMaxDirectory) return damaged("its directory is too large");
  auto directory = readAt(directoryOffset, directorySize);
  if (!directory) return std::unexpected(directory.error());

  std::string_view rest = *directory;
  for (unsigned i = 0; i < count; ++i) {
    if (rest.size() < kEntrySize || u32(rest, 0) != kEntryMagic) {
      return damaged("its directory is cut off");
    }
    const std::size_t nameSize = u16(rest, 28);
    const std::size_t whole = kEntrySize + nameSize + u16(rest, 30) + u16(rest, 32);
    if (rest.size() < whole) return damaged("its directory is cut off");
    ZipEntry entry{std::string(rest.substr(kEntrySize, nameSize)),
                   u16(rest, 10),
                   u32(rest, 16),
                   u32(rest, 20),
                   u32(rest, 24),
                   u32(rest, 42)};
    if (u16(rest, 8) & kEncrypted) entry.method = 0xffff;  // refused when it is asked for
    entries_.push_back(std::move(entry));
    rest.remove_prefix(whole);
  }
  return {};
}

Result<void> ZipArchive::extract(std::string_view name, const std::filesystem::path& target) const {
  const auto entry = std::ranges::find(entries_, name, &ZipEntry::name);
  if (entry == entries_.end()) {
    return fail(ErrorCategory::NotFound, fmt::format("{} holds no {}", path_.native(), name));
  }
  if (entry->method != kStored && entry->method != kDeflated) {
    return fail(
        ErrorCategory::Unsupported,
        fmt::format("{} in {} is packed in a way that can't be read", name, path_.native()));
  }
  auto header = readAt(entry->headerOffset, kLocalSize);
  if (!header) return std::unexpected(header.error());
  if (u32(*header, 0) != kLocalMagic) return damaged("a member has no header");
  auto offset = entry->headerOffset + kLocalSize + u16(*header, 26) + u16(*header, 28);

  auto out = base::openFile(target, O_WRONLY | O_CREAT | O_EXCL, 0600);
  if (!out) return std::unexpected(out.error());
  constexpr std::size_t kPiece = 1u << 18;
  const auto piece = std::make_unique_for_overwrite<unsigned char[]>(kPiece);
  std::uint64_t written = 0;
  auto crc = ::crc32(0, nullptr, 0);
  const auto put = [&](const unsigned char* data, std::size_t size) -> Result<void> {
    written += size;
    if (written > entry->size) return damaged("a member is longer than it says");
    crc = ::crc32(crc, data, static_cast<uInt>(size));
    return base::writeAll(out->get(), std::as_bytes(std::span(data, size)), target);
  };

  Inflater inflater;
  auto& stream = inflater.stream();
  int state = Z_OK;
  for (auto packed = entry->packedSize; packed > 0 && state != Z_STREAM_END;) {
    const auto size = std::min<std::uint64_t>(packed, kPiece);
    auto input = readAt(offset, size);
    if (!input) return std::unexpected(input.error());
    offset += size;
    packed -= size;
    auto* bytes = reinterpret_cast<unsigned char*>(input->data());
    if (entry->method == kStored) {
      if (auto done = put(bytes, input->size()); !done) return done;
      continue;
    }
    stream.next_in = bytes;
    stream.avail_in = static_cast<uInt>(input->size());
    do {
      stream.next_out = piece.get();
      stream.avail_out = kPiece;
      state = inflate(&stream, Z_NO_FLUSH);
      if (state != Z_OK && state != Z_STREAM_END && state != Z_BUF_ERROR) {
        return damaged("a member can't be unpacked");
      }
      if (auto done = put(piece.get(), kPiece - stream.avail_out); !done) return done;
    } while (stream.avail_out == 0 && state != Z_STREAM_END);
  }
  if (entry->method == kDeflated && state != Z_STREAM_END) return damaged("a member is cut off");
  if (written != entry->size || crc != entry->crc32) {
    return damaged(fmt::format("{} does not match its checksum", name));
  }
  return {};
}

}  // namespace webpool::store
