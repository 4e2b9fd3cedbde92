#include <zlib.h>

#include <algorithm>
#include <optional>

#include "onnx/zip.h"

namespace webpool::onnx {
namespace {

constexpr std::uint64_t kLimit = 0xffffffff;
constexpr std::uint32_t kVersion = 20;
constexpr std::uint32_t kUtf8Names = 1u << 11;
constexpr std::uint32_t kDate = (1u << 5) | 1u;  // 1980-01-01, the format's first day

void put16(std::string& out, std::uint32_t value) {
  out.push_back(static_cast<char>(value & 0xff));
  out.push_back(static_cast<char>((value >> 8) & 0xff));
}
void put32(std::string& out, std::uint64_t value) {
  put16(out, static_cast<std::uint32_t>(value & 0xffff));
  put16(out, static_cast<std::uint32_t>((value >> 16) & 0xffff));
}

std::unexpected<Error> tooLarge() {
  return fail(ErrorCategory::Unsupported, "the tensors do not fit an NPZ archive of 4 GiB",
              "write them to several files");
}

/// nullopt when zlib has no memory; the caller has checked that the input is below 4 GiB.
std::optional<std::string> deflateAll(std::string_view header, std::string_view data) {
  z_stream stream{};
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) !=
      Z_OK) {
    return std::nullopt;
  }
  std::string out(deflateBound(&stream, header.size() + data.size()), '\0');
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(std::min<std::size_t>(out.size(), kLimit));
  int status = Z_OK;
  for (const auto part : {header, data}) {
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(part.data()));
    stream.avail_in = static_cast<uInt>(part.size());
    status = deflate(&stream, part.data() == data.data() ? Z_FINISH : Z_NO_FLUSH);
  }
  out.resize(stream.total_out);
  deflateEnd(&stream);
  if (status != Z_STREAM_END) return std::nullopt;
  return out;
}

}  // namespace

Result<void> ZipWriter::add(std::string_view name, std::string_view header, std::string_view data,
                            bool compress) {
  const auto size = std::uint64_t{header.size()} + data.size();
  if (size >= kLimit || name.size() > 0xffff || count_ == 0xffff) return tooLarge();
  auto crc = crc32_z(0, reinterpret_cast<const Bytef*>(header.data()), header.size());
  // For zlib a null pointer means "start anew", and empty data may have one.
  if (!data.empty()) {
    crc = crc32_z(crc, reinterpret_cast<const Bytef*>(data.data()), data.size());
  }
  std::optional<std::string> packed;
  if (compress) {
    packed = deflateAll(header, data);
    if (!packed) return fail(ErrorCategory::OutOfMemory, "no memory to compress the tensors");
  }
  const auto packedSize = packed ? packed->size() : size;
  std::string common;  // what both headers hold
  put16(common, kVersion);
  put16(common, kUtf8Names);
  put16(common, compress ? 8 : 0);
  put16(common, 0);
  put16(common, kDate);
  put32(common, crc);
  put32(common, packedSize);
  put32(common, size);
  put16(common, static_cast<std::uint32_t>(name.size()));
  put16(common, 0);

  const auto offset = bytes_.size();
  bytes_.append("PK\x03\x04").append(common).append(name);
  if (packed) {
    bytes_.append(*packed);
  } else {
    bytes_.append(header).append(data);
  }
  directory_.append("PK\x01\x02");
  put16(directory_, kVersion);
  directory_.append(common);
  put16(directory_, 0);
  put16(directory_, 0);
  put16(directory_, 0);
  put32(directory_, 0);
  put32(directory_, offset);
  directory_.append(name);
  ++count_;
  return bytes_.size() + directory_.size() < kLimit ? Result<void>{} : tooLarge();
}

Result<std::string> ZipWriter::finish() {
  const auto offset = bytes_.size();
  bytes_.append(directory_).append("PK\x05\x06");
  put32(bytes_, 0);
  put16(bytes_, count_);
  put16(bytes_, count_);
  put32(bytes_, directory_.size());
  put32(bytes_, offset);
  put16(bytes_, 0);
  if (bytes_.size() >= kLimit) return tooLarge();
  return std::move(bytes_);
}

}  // namespace webpool::onnx
