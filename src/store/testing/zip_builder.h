// Writes small zip archives for tests, right or wrong.
#pragma once

#include <zlib.h>

#include <string>
#include <string_view>
#include <vector>

namespace webpool::store {

struct ZipMember {
  std::string name;
  std::string contents;
  bool deflated = true;
};

inline std::string deflated(std::string_view contents) {
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  std::string packed(deflateBound(&stream, static_cast<uLong>(contents.size())), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(contents.data()));
  stream.avail_in = static_cast<uInt>(contents.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

inline void put16(std::string& out, std::size_t value) {
  out += static_cast<char>(value & 0xff);
  out += static_cast<char>(value >> 8 & 0xff);
}

inline void put32(std::string& out, std::size_t value) {
  put16(out, value & 0xffff);
  put16(out, value >> 16);
}

inline std::string buildZip(const std::vector<ZipMember>& members) {
  std::string out;
  std::string directory;
  for (const auto& member : members) {
    const auto packed = member.deflated ? deflated(member.contents) : member.contents;
    std::string common;
    put16(common, 0);  // flags
    put16(common, member.deflated ? 8 : 0);
    put32(common, 0);  // time
    put32(common, crc32(0, reinterpret_cast<const Bytef*>(member.contents.data()),
                        static_cast<uInt>(member.contents.size())));
    put32(common, packed.size());
    put32(common, member.contents.size());
    put16(common, member.name.size());
    put16(common, 0);  // extra
    put32(directory, 0x02014b50);
    put32(directory, 0x00140014);  // versions
    directory += common;
    put16(directory, 0);  // comment
    put32(directory, 0);  // disk, attributes
    put32(directory, 0);
    put32(directory, out.size());
    directory += member.name;
    put32(out, 0x04034b50);
    put16(out, 20);
    out += common + member.name + packed;
  }
  const auto offset = out.size();
  out += directory;
  put32(out, 0x06054b50);
  put32(out, 0);  // disks
  put16(out, members.size());
  put16(out, members.size());
  put32(out, directory.size());
  put32(out, offset);
  put16(out, 0);
  return out;
}

}  // namespace webpool::store
