// Paths and walks over whatever blocks come: the input is cut into blocks that link to each other
// as they please, cycles included.
#include "cid/dag_walk.h"
#include "cid/resolve_path.h"
#include "cid/testing/memory_blocks.h"
#include "fuzz/fuzz.h"

using namespace webpool;

namespace {

constexpr cid::Codec kCodecs[] = {cid::Codec::DagPb, cid::Codec::DagCbor, cid::Codec::DagJson,
                                  cid::Codec::Raw};

/// The first bytes of a block name it: no hash is right here, and any link may find something.
class AnyBlocks : public cid::Blocks {
 public:
  explicit AnyBlocks(std::string_view input) : input_(input) {}
  Result<Bytes> get(const cid::Cid& cid) override {
    if (--budget_ == 0) return fail(ErrorCategory::NotFound, "enough");
    const auto at =
        input_.empty() ? 0 : static_cast<unsigned char>(cid.hash().digest[0]) % input_.size();
    return Bytes::copyOf(input_.substr(at));
  }

 private:
  std::string_view input_;
  int budget_ = 2000;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const auto input = fuzz::textOf(data, size).substr(2);
  const cid::Cid root(kCodecs[data[0] % 4], cid::Digest{});
  const auto path = input.substr(0, data[1]);
  AnyBlocks forPath(input);
  (void)cid::resolvePath(forPath, root, path);
  AnyBlocks forList(input);
  (void)cid::listFolder(forList, root, 1000);
  for (const auto scope : {cid::DagScope::Block, cid::DagScope::Entity, cid::DagScope::All}) {
    AnyBlocks blocks(input);
    cid::DagWalk walk(blocks, root, {.scope = scope, .bytes = {}, .duplicates = data[1] % 2 == 1});
    while (true) {
      const auto step = walk.next();
      if (!step || !*step) break;
    }
  }
  return 0;
}
