#include "sources/ipfs.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <map>

#include "cid/unixfs.h"
#include "store/testing/test_store.h"

namespace webpool::sources {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// A gateway that hands out the blocks of a store, or what it is told to.
class Gateways final : public base::HttpClient {
 public:
  explicit Gateways(const store::ContentStore& store) : store_(store) {}

  Result<base::HttpResponse> request(const base::HttpRequest& request, std::stop_token) override {
    asked.push_back(request.url);
    if (request.url.starts_with("http://127.0.0.1:1/")) {
      return base::HttpResponse{.status = 404, .url = request.url};
    }
    auto text = request.url.substr(request.url.find("/ipfs/") + 6);
    text = text.substr(0, text.find('?'));
    const auto cid = cid::Cid::parse(text);
    EXPECT_TRUE(cid) << text;
    std::string body;
    if (const auto own = made.find(*cid); own != made.end()) {
      body = own->second;
    } else if (const auto block = store_.block(*cid)) {
      body = store::textOf(block->content);
    } else {
      return base::HttpResponse{.status = 404, .url = request.url};
    }
    if (request.url.starts_with("http://127.0.0.1:2/")) body.front() ^= 1;
    return base::HttpResponse{.status = 200, .body = body, .url = request.url};
  }

  std::vector<std::string> asked;
  std::map<cid::Cid, std::string> made;

 private:
  const store::ContentStore& store_;
};

constexpr auto kRight = "http://127.0.0.1:9";
constexpr auto kEmpty = "http://127.0.0.1:1";
constexpr auto kLiar = "http://127.0.0.1:2";

class Ipfs : public store::StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    store::writeFile(folder_ / "model/config.json", "{}");
    store::writeFile(folder_ / "model/onnx/model.onnx", store::pattern(3'000'000));
    store::writeFile(folder_ / "model/empty", "");
    auto imported = store_->importPath(folder_ / "model");
    ASSERT_TRUE(imported) << imported.error().describe();
    root_ = imported->root;
    gateways_ = std::make_unique<Gateways>(*store_);
  }

  Result<void> fetch(const cid::Cid& root, std::vector<std::string> gateways) {
    std::filesystem::remove_all(target());
    return fetchFromGateways(*gateways_, root, target(),
                             {.gateways = std::move(gateways), .retries = 0}, {});
  }
  std::filesystem::path target() const { return folder_ / "fetched"; }

  static std::string contents(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }

  cid::Cid made(const std::string& block) {
    const auto cid = cid::Cid::of(cid::Codec::DagPb, std::as_bytes(std::span(block)));
    gateways_->made[cid] = block;
    return cid;
  }

  cid::Cid root_;
  std::unique_ptr<Gateways> gateways_;
};

TEST_F(Ipfs, AFolderComesBlockByBlock) {
  const auto done = fetch(root_, {kRight});
  ASSERT_TRUE(done) << done.error().describe();
  EXPECT_EQ(contents(target() / "config.json"), "{}");
  EXPECT_EQ(contents(target() / "onnx/model.onnx"), store::pattern(3'000'000));
  EXPECT_EQ(contents(target() / "empty"), "");
  EXPECT_GT(gateways_->asked.size(), 5U);
  for (const auto& url : gateways_->asked) EXPECT_THAT(url, HasSubstr("?format=raw"));
}

TEST_F(Ipfs, TheNextGatewayIsAskedWhereOneHasNothingOrLies) {
  const auto done = fetch(root_, {kEmpty, kLiar, kRight});
  ASSERT_TRUE(done) << done.error().describe();
  EXPECT_EQ(contents(target() / "onnx/model.onnx"), store::pattern(3'000'000));
  // Only the first block was asked of all three.
  const auto askedEmpty = std::ranges::count_if(
      gateways_->asked, [](const auto& url) { return url.starts_with(kEmpty); });
  EXPECT_EQ(askedEmpty, 1);
}

TEST_F(Ipfs, WrongBytesAreNotTaken) {
  const auto done = fetch(root_, {kLiar});
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().category, ErrorCategory::Integrity);
  EXPECT_THAT(done.error().message, HasSubstr(kLiar));
  EXPECT_EQ(fetch(root_, {kEmpty}).error().category, ErrorCategory::NotFound);
}

TEST_F(Ipfs, ATreeThatLeadsElsewhereIsRefused) {
  const auto file = cid::Cid::of(cid::Codec::Raw, {});
  gateways_->made[file] = "";
  for (const auto* name : {"../up", "..", "", "a/b"}) {
    cid::UnixFsData data;
    data.type = cid::UnixFsType::Directory;
    const auto folder = made(cid::encodeNode({{{file, name, 0}}, cid::encodeUnixFs(data)}));
    const auto done = fetch(folder, {kRight});
    ASSERT_FALSE(done) << name;
    EXPECT_FALSE(std::filesystem::exists(folder_ / "up"));
  }
}

TEST_F(Ipfs, AFileThatSaysAWrongSizeIsRefused) {
  const std::string bytes = "0123456789";
  const auto leaf = cid::Cid::of(cid::Codec::Raw, std::as_bytes(std::span(bytes)));
  gateways_->made[leaf] = bytes;
  cid::UnixFsData data;
  data.fileSize = 9;
  data.blockSizes = {9};
  const auto file = made(cid::encodeNode({{{leaf, "", 10}}, cid::encodeUnixFs(data)}));
  EXPECT_EQ(fetch(file, {kRight}).error().category, ErrorCategory::Integrity);
}

TEST_F(Ipfs, GatewaysMustBeNamedAndEncrypted) {
  EXPECT_THAT(fetch(root_, {}).error().hint, HasSubstr("--gateway"));
  EXPECT_EQ(fetch(root_, {"http://192.0.2.1"}).error().category, ErrorCategory::InvalidArgument);
  EXPECT_EQ(fetch(root_, {"nonsense"}).error().category, ErrorCategory::InvalidArgument);
}

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
