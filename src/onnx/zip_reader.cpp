#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "onnx/text.h"
#include "onnx/zip.h"

namespace webpool::onnx {
namespace {

constexpr std::string_view kEndMagic{"PK\x05\x06", 4};
constexpr std::string_view kEnd64Magic{"PK\x06\x07", 4};
constexpr std::string_view kEntryMagic{"PK\x01\x02", 4};
constexpr std::string_view kLocalMagic{"PK\x03\x04", 4};
constexpr std::size_t kEndSize = 22;
constexpr std::size_t kEnd64Size = 20;
constexpr std::size_t kEntrySize = 46;
constexpr std::size_t kLocalSize = 30;
constexpr std::uint64_t kBestRatio = 1032;  // what deflate can reach at most

std::unexpected<Error> damaged(std::string_view what) {
  return fail(ErrorCategory::InvalidInput, fmt::format("damaged NPZ archive: {}", what),
              "write the file again with numpy.savez");
}

std::unexpected<Error> unsupported(std::string_view what) {
  return fail(ErrorCategory::Unsupported, fmt::format("NPZ archives with {} can't be read", what),
              "write the file with numpy.savez or numpy.savez_compressed, below 4 GiB");
}

std::uint32_t u16(std::string_view bytes, std::size_t at) {
  return static_cast<unsigned char>(bytes[at]) |
         static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[at + 1])) << 8;
}
std::uint32_t u32(std::string_view bytes, std::size_t at) {
  return u16(bytes, at) | u16(bytes, at + 2) << 16;
}

struct Directory {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  std::uint32_t entries = 0;
};

Result<Directory> findDirectory(std::string_view archive) {
  if (archive.size() < kEndSize) return damaged("it is too short to be one");
  const auto lowest = archive.size() - std::min<std::size_t>(archive.size(), kEndSize + 0xffff);
  for (auto at = archive.size() - kEndSize + 1; at-- > lowest;) {
    if (archive.substr(at, 4) != kEndMagic) continue;
    if (at + kEndSize + u16(archive, at + 20) != archive.size()) continue;
    if (at >= kEnd64Size && archive.substr(at - kEnd64Size, 4) == kEnd64Magic) {
      return unsupported("ZIP64 records");
    }
    if (u16(archive, at + 4) != 0 || u16(archive, at + 6) != 0 ||
        u16(archive, at + 8) != u16(archive, at + 10)) {
      return unsupported("several parts");
    }
    const Directory found{u32(archive, at + 16), u32(archive, at + 12), u16(archive, at + 10)};
    if (found.offset + found.size != at) return damaged("its directory is not where it should be");
    return found;
  }
  return damaged("it has no directory; the file may be cut off");
}

Result<ZipEntry> readEntry(std::string_view archive, const Directory& directory,
                           std::string_view record) {
  const auto flags = u16(record, 8);
  const auto method = u16(record, 10);
  const std::uint64_t local = u32(record, 42);
  ZipEntry entry;
  entry.name = record.substr(kEntrySize, u16(record, 28));
  if (!isUtf8(entry.name)) return damaged("a member's name is no UTF-8");
  entry.deflated = method == 8;
  entry.crc = u32(record, 16);
  entry.packedSize = u32(record, 20);
  entry.size = u32(record, 24);
  if ((flags & 1) != 0) return unsupported("encryption");
  if (method != 0 && method != 8) return unsupported(fmt::format("compression method {}", method));
  if (std::max({entry.packedSize, entry.size, local}) == 0xffffffff) {
    return unsupported("ZIP64 sizes");
  }
  if (local + kLocalSize > directory.offset || archive.substr(local, 4) != kLocalMagic) {
    return damaged(fmt::format("'{}' is not where the directory says", entry.name));
  }
  const auto nameSize = u16(archive, local + 26);
  entry.dataOffset = local + kLocalSize + nameSize + u16(archive, local + 28);
  if (archive.substr(local + kLocalSize, nameSize) != entry.name) {
    return damaged(fmt::format("'{}' has another name in front of its bytes", entry.name));
  }
  if (entry.dataOffset + entry.packedSize > directory.offset) {
    return damaged(fmt::format("'{}' reaches past the end", entry.name));
  }
  if (entry.deflated ? entry.size > (entry.packedSize + 1) * kBestRatio
                     : entry.size != entry.packedSize) {
    return damaged(fmt::format("'{}' claims {} bytes, which its {} packed bytes can't hold",
                               entry.name, entry.size, entry.packedSize));
  }
  return entry;
}

/// A few bytes listed many times would unpack to any amount.
bool overlap(const std::vector<ZipEntry>& entries) {
  std::vector<const ZipEntry*> sorted;
  for (const auto& entry : entries) sorted.push_back(&entry);
  std::ranges::sort(sorted, {}, [](const ZipEntry* entry) { return entry->dataOffset; });
  for (std::size_t i = 1; i < sorted.size(); ++i) {
    const auto end = sorted[i - 1]->dataOffset + sorted[i - 1]->packedSize;
    if (sorted[i]->dataOffset < end + kLocalSize) return true;
  }
  return false;
}

std::optional<std::vector<std::byte>> inflateAll(std::string_view packed, std::uint64_t size) {
  struct Inflater {
    z_stream stream{};
    bool ready = inflateInit2(&stream, -MAX_WBITS) == Z_OK;
    ~Inflater() {
      if (ready) inflateEnd(&stream);
    }
  } inflater;
  if (!inflater.ready) return std::nullopt;
  // One spare byte: a stream that holds more than it claims then shows it.
  std::vector<std::byte> out(size + 1);
  auto& stream = inflater.stream;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());  // both are below 4 GiB
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  if (inflate(&stream, Z_FINISH) != Z_STREAM_END || stream.avail_in != 0 ||
      stream.total_out != size) {
    return std::nullopt;
  }
  out.resize(size);
  return out;
}

}  // namespace

Result<std::vector<ZipEntry>> listZip(std::string_view archive, std::size_t maxEntries) {
  const auto directory = findDirectory(archive);
  if (!directory) return std::unexpected(directory.error());
  if (directory->entries > maxEntries) {
    return fail(ErrorCategory::InvalidInput,
                fmt::format("the NPZ archive holds {} arrays, at most {} are read",
                            directory->entries, maxEntries),
                "split it");
  }
  std::vector<ZipEntry> entries;
  auto rest = archive.substr(directory->offset, directory->size);
  for (std::uint32_t i = 0; i < directory->entries; ++i) {
    if (rest.size() < kEntrySize || !rest.starts_with(kEntryMagic)) {
      return damaged("its directory ends early");
    }
    const auto size = kEntrySize + u16(rest, 28) + u16(rest, 30) + u16(rest, 32);
    if (rest.size() < size) return damaged("its directory ends early");
    auto entry = readEntry(archive, *directory, rest.substr(0, size));
    if (!entry) return std::unexpected(entry.error());
    entries.push_back(std::move(*entry));
    rest.remove_prefix(size);
  }
  if (!rest.empty()) return damaged("its directory holds more than it counts");
  if (overlap(entries)) return damaged("two members share bytes");
  return entries;
}

Result<Bytes> extractZip(const Bytes& archive, const ZipEntry& entry) {
  auto packed = archive.slice(entry.dataOffset, entry.packedSize);
  if (entry.deflated) {
    auto unpacked = inflateAll(packed.text(), entry.size);
    if (!unpacked) return damaged(fmt::format("'{}' does not unpack", entry.name));
    packed = Bytes::adopt(std::move(*unpacked));
  }
  const auto crc = crc32_z(0, reinterpret_cast<const Bytef*>(packed.data()), packed.size());
  if (crc != entry.crc) return damaged(fmt::format("the CRC of '{}' is wrong", entry.name));
  return packed;
}

}  // namespace webpool::onnx
