#include "store/zip.h"

#include "store/testing/test_store.h"
#include "store/testing/zip_builder.h"

namespace webpool::store {
namespace {

class ZipTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/webpool-zip-test-XXXXXX";
    folder_ = ::mkdtemp(name);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  Result<ZipArchive> open(std::string_view bytes) {
    writeFile(folder_ / "a.zip", bytes);
    return ZipArchive::open(folder_ / "a.zip");
  }

  /// The member's contents, or the category of the failure.
  Result<std::string> extract(const ZipArchive& archive, std::string_view name) {
    const auto target = folder_ / "out";
    std::filesystem::remove(target);
    if (auto done = archive.extract(name, target); !done) return std::unexpected(done.error());
    return base::readFile(target);
  }

  std::filesystem::path folder_;
};

TEST_F(ZipTest, StoredAndDeflatedMembers) {
  const auto large = pattern(3u << 20);
  const auto archive =
      open(buildZip({{"a/large", large, true}, {"small", "x", false}, {"empty", "", false}}));
  ASSERT_TRUE(archive) << archive.error().describe();
  EXPECT_EQ(archive->entries().size(), 3u);
  EXPECT_EQ(extract(*archive, "a/large").value(), large);
  EXPECT_EQ(extract(*archive, "small").value(), "x");
  EXPECT_EQ(extract(*archive, "empty").value(), "");
  EXPECT_EQ(extract(*archive, "none").error().category, ErrorCategory::NotFound);
}

TEST_F(ZipTest, CommentBehindTheEndIsRead) {
  auto bytes = buildZip({{"a", "contents", true}});
  bytes[bytes.size() - 2] = 7;
  EXPECT_TRUE(open(bytes + "comment"));
}

TEST_F(ZipTest, EveryTruncationIsRefused) {
  const auto bytes = buildZip({{"a", "contents", true}, {"b", "more", false}});
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(open(bytes.substr(0, size))) << size;
  }
}

TEST_F(ZipTest, EveryChangedByteGivesTheContentsOrAnError) {
  const std::string contents = "contents contents contents";
  const auto bytes = buildZip({{"a", contents, true}});
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (const char change : {'\x01', '\x80', '\xff'}) {
      auto changed = bytes;
      changed[i] = static_cast<char>(changed[i] ^ change);
      const auto archive = open(changed);
      if (!archive) continue;
      const auto extracted = extract(*archive, "a");
      if (extracted) EXPECT_EQ(*extracted, contents) << i;
    }
  }
}

TEST_F(ZipTest, AMemberThatIsLongerThanItSaysStopsAtItsSize) {
  auto bytes = buildZip({{"a", std::string(4u << 20, 'x'), true}});
  const auto directory = bytes.find("PK\x01\x02");
  bytes[directory + 26] = 0;  // the size in the directory: 0x400000 -> 0
  const auto archive = open(bytes);
  ASSERT_TRUE(archive);
  EXPECT_EQ(extract(*archive, "a").error().category, ErrorCategory::Integrity);
  EXPECT_LT(std::filesystem::file_size(folder_ / "out"), 1u << 20);
}

TEST_F(ZipTest, ForeignMethodsAndEncryptionAreUnsupported) {
  auto bytes = buildZip({{"a", "contents", true}});
  const auto directory = bytes.find("PK\x01\x02");
  auto method = bytes;
  method[directory + 10] = 12;  // bzip2
  EXPECT_EQ(extract(*open(method), "a").error().category, ErrorCategory::Unsupported);
  auto encrypted = bytes;
  encrypted[directory + 8] = 1;
  EXPECT_EQ(extract(*open(encrypted), "a").error().category, ErrorCategory::Unsupported);
}

}  // namespace
}  // namespace webpool::store
