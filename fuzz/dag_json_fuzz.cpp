// DAG-JSON.
#include "cid/ipld.h"
#include "fuzz/fuzz.h"

using namespace webpool;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto value = cid::decodeDagJson(fuzz::bytesOf(fuzz::textOf(data, size)));
  if (!value) return 0;
  fuzz::require(cid::decodeDagJson(fuzz::bytesOf(cid::encodeDagJson(*value))).has_value());
  fuzz::require(cid::decodeDagCbor(fuzz::bytesOf(cid::encodeDagCbor(*value))).has_value());
  return 0;
}
