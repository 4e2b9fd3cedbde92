#include "sources/ipfs.h"

#include <gmock/gmock.h>

namespace webpool::sources {
namespace {

using testing::HasSubstr;

TEST(IpfsAddress, IsReadInItsForms) {
  const auto text = cid::Cid::of(cid::Codec::Raw, {}).text();
  for (const auto* prefix : {"ipfs://", "ipfs:", "ipfs:/ipfs/"}) {
    const auto cid = parseIpfsAddress(prefix + text);
    ASSERT_TRUE(cid) << prefix;
    EXPECT_EQ(cid->text(), text);
  }
  EXPECT_THAT(parseIpfsAddress("ipfs://nothing").error().message, HasSubstr("no CID"));
}

}  // namespace
}  // namespace webpool::sources
