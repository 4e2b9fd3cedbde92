// ZIP archives as far as .npz needs them: stored and deflated members, no ZIP64, no encryption. The
// central directory is believed only where the local headers, the sizes and the CRCs agree.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "webpool/error.h"
#include "webpool/tensor.h"

namespace webpool::onnx {

struct ZipEntry {
  std::string name;
  bool deflated = false;
  std::uint32_t crc = 0;
  std::uint64_t packedSize = 0;
  std::uint64_t size = 0;
  std::uint64_t dataOffset = 0;  ///< of the packed bytes in the archive
};

/// Every member, in the directory's order; no two share bytes, none claims more than its packed
/// bytes can hold. InvalidInput for damage, Unsupported for ZIP64, encryption, other methods.
Result<std::vector<ZipEntry>> listZip(std::string_view archive, std::size_t maxEntries);

/// The member's bytes, checked against its CRC; stored ones share the archive's memory.
Result<Bytes> extractZip(const Bytes& archive, const ZipEntry& entry);

/// Appends members, then closes. Times are fixed, so equal contents give equal archives.
class ZipWriter {
 public:
  /// Unsupported when the archive would reach 4 GiB.
  Result<void> add(std::string_view name, std::string_view header, std::string_view data,
                   bool compress);
  Result<std::string> finish();

 private:
  std::string bytes_;
  std::string directory_;
  std::uint16_t count_ = 0;
};

}  // namespace webpool::onnx
