// DAG-CBOR, and the way of its values through DAG-JSON.
#include "cid/ipld.h"
#include "fuzz/fuzz.h"

using namespace webpool;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto value = cid::decodeDagCbor(fuzz::bytesOf(fuzz::textOf(data, size)));
  if (!value) return 0;
  const auto canonical = cid::encodeDagCbor(*value);
  const auto again = cid::decodeDagCbor(fuzz::bytesOf(canonical));
  fuzz::require(again && cid::encodeDagCbor(*again) == canonical);
  (void)cid::linksOf(*value);
  (void)cid::decodeDagJson(fuzz::bytesOf(cid::encodeDagJson(*value)));
  return 0;
}
