// dag-pb nodes and the UnixFS in them.
#include "cid/dag_pb.h"
#include "cid/unixfs.h"
#include "fuzz/fuzz.h"

using namespace webpool;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto block = fuzz::bytesOf(fuzz::textOf(data, size));
  if (const auto node = cid::decodeNode(block)) {
    fuzz::require(cid::decodeNode(fuzz::bytesOf(cid::encodeNode(*node))) == *node);
    (void)cid::isUnixFs(*node);
  }
  if (const auto fields = cid::decodeUnixFs(block)) {
    fuzz::require(cid::decodeUnixFs(fuzz::bytesOf(cid::encodeUnixFs(*fields))) == *fields);
  }
  const auto entity = cid::readUnixFsEntity(block);
  if (!entity) return 0;
  if (const auto* file = std::get_if<cid::FileNode>(&*entity)) {
    std::uint64_t total = file->data.size();
    for (const auto& part : file->parts) total += part.size;
    fuzz::require(total == file->size);
  }
  if (const auto* shard = std::get_if<cid::ShardNode>(&*entity)) {
    for (const auto& place : shard->places) fuzz::require(place.index < shard->fanout);
  }
  return 0;
}
