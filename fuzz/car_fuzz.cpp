// CARs in pieces: however they are cut, the same comes out of them.
#include "cid/car.h"
#include "fuzz/fuzz.h"

using namespace webpool;

namespace {

struct Read {
  std::size_t blocks = 0;
  std::size_t bytes = 0;
  bool whole = false;
  bool operator==(const Read&) const = default;
};

Read readIn(std::string_view car, std::size_t piece) {
  cid::CarReader reader;
  Read read;
  while (true) {
    const auto block = reader.next();
    if (!block) return read;
    if (*block) {
      fuzz::require((*block)->cid.matches(fuzz::bytesOf((*block)->bytes)));
      ++read.blocks;
      read.bytes += (*block)->bytes.size();
      continue;
    }
    if (car.empty()) break;
    reader.push(fuzz::bytesOf(car.substr(0, piece)));
    car.remove_prefix(std::min(piece, car.size()));
  }
  read.whole = reader.finish().has_value();
  return read;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto car = fuzz::textOf(data, size);
  fuzz::require(readIn(car, 1u << 20) == readIn(car, 1 + size % 13));
  return 0;
}
