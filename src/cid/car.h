// CAR version 1: blocks one behind the other, each with its CID, under a list of roots.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cid/cid.h"
#include "cid/dag_pb.h"
#include "webpool/error.h"

namespace webpool::cid {

struct CarBlock {
  Cid cid;
  std::string bytes;
};

/// Reads a CAR out of pieces of any size. Every block is checked against its CID. Holds one piece
/// and one section at most. After an error it reads nothing more.
///
///   reader.push(piece);
///   while ((block = reader.next()) && *block) …
class CarReader {
 public:
  /// What becomes of a block whose codec or hash function webpool has not.
  enum class Foreign { Refuse, PassOver };
  explicit CarReader(Foreign foreign = Foreign::Refuse) : foreign_(foreign) {}

  /// More bytes; they are copied.
  void push(std::span<const std::byte> piece);

  /// The next block; nullopt: push more. Protocol for what is no CAR of version 1 (a header over 1
  /// MiB, a section that is empty or over kMaxBlock, lengths that lie); Integrity names a block
  /// that is not what its CID says; Unsupported names a version, and a codec or hash function
  /// where such blocks are not passed over.
  Result<std::optional<CarBlock>> next();

  /// To be called behind the last piece: Protocol when the CAR was cut off.
  Result<void> finish() const;

  bool hasHeader() const noexcept { return hasHeader_; }
  /// Of the header; a CAR may have none.
  const std::vector<Cid>& roots() const noexcept { return roots_; }
  /// Blocks that were passed over.
  std::uint64_t passedOver() const noexcept { return passedOver_; }

 private:
  /// The section at the front, without its length; nullopt: not all of it is there.
  Result<std::optional<std::span<const std::byte>>> takeSection(std::size_t limit);
  Result<bool> readHeader();
  Result<std::optional<CarBlock>> readBlock();

  std::string buffer_;
  std::size_t taken_ = 0;  ///< bytes at the buffer's front that are read already
  bool hasHeader_ = false;
  Foreign foreign_;
  std::uint64_t passedOver_ = 0;
  std::vector<Cid> roots_;
  std::optional<Error> failed_;
};

/// The first bytes of a CAR.
std::string carHeader(std::span<const Cid> roots);

/// What stands before the bytes of a block.
std::string carSectionHead(const Cid& cid, std::size_t blockSize);

}  // namespace webpool::cid
