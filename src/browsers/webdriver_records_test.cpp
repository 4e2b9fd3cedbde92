#include "browsers/webdriver_records.h"

#include <gmock/gmock.h>

#include "browsers/test_support.h"
#include "browsers/testing/fake_remote_end.h"
#include "browsers/webdriver.h"

namespace webpool::browsers {
namespace {

using std::chrono::hours;
using std::chrono::system_clock;
using ::testing::ElementsAre;
using testing::FakeRemoteClient;
using testing::FakeRemoteEnd;
using ::testing::IsEmpty;

constexpr const char* kRemote = "http://mac.local:4444";

class WebDriverRecords : public ::testing::Test {
 protected:
  Result<WebDriverRecord> write(std::string_view remote, std::string_view session) {
    return WebDriverRecord::write(folder(), base::systemRandom(), remote, session);
  }
  /// A session that the driver knows, recorded by a webpool that died.
  void leaveSession(std::string_view remote = kRemote) {
    end_.answer("POST", "/session", R"({"capabilities":{"alwaysMatch":{}}})");
    ASSERT_TRUE(write(remote, end_.session()));
  }
  WebDriverSweep sweep(hours later = hours(0)) {
    return sweepWebDriverSessions(http_, folder(), system_clock::now() + later, {});
  }
  std::filesystem::path folder() const { return temporary_.path() / "webdriver"; }

  FakeRemoteEnd end_;
  FakeRemoteClient http_{end_, kRemote};
  test::TempFolder temporary_;
};

TEST_F(WebDriverRecords, SessionOfADeadRunIsEnded) {
  leaveSession();
  EXPECT_TRUE(hasWebDriverRecords(folder()));
  const auto swept = sweep();
  EXPECT_THAT(swept.ended, ElementsAre(kRemote));
  EXPECT_THAT(swept.left, IsEmpty());
  EXPECT_EQ(end_.session(), "");
  EXPECT_FALSE(hasWebDriverRecords(folder()));
}

TEST_F(WebDriverRecords, SessionOfALiveRunIsLeftAlone) {
  end_.answer("POST", "/session", R"({"capabilities":{"alwaysMatch":{}}})");
  auto record = write(kRemote, end_.session());
  ASSERT_TRUE(record) << record.error().describe();
  EXPECT_THAT(sweep(hours(100)).ended, IsEmpty());
  EXPECT_NE(end_.session(), "");
  record->forget();
  EXPECT_FALSE(hasWebDriverRecords(folder()));
}

TEST_F(WebDriverRecords, UnknownSessionsAreForgotten) {
  leaveSession();
  end_.closeBrowser();
  EXPECT_THAT(sweep().left, IsEmpty());
  EXPECT_FALSE(hasWebDriverRecords(folder()));
}

TEST_F(WebDriverRecords, UnreachableOnesAreTriedAgainForADay) {
  leaveSession("http://switched-off:4444");
  const auto swept = sweep();
  ASSERT_EQ(swept.left.size(), 1u);
  EXPECT_EQ(swept.left[0].remote, "http://switched-off:4444");
  EXPECT_EQ(swept.left[0].error.category, ErrorCategory::Fetch);
  EXPECT_TRUE(hasWebDriverRecords(folder()));
  EXPECT_EQ(sweep(hours(25)).left.size(), 1u);
  EXPECT_FALSE(hasWebDriverRecords(folder()));
}

TEST_F(WebDriverRecords, OnlyTheirUserReadsThem) {
  const auto record = write(kRemote, "secret");
  ASSERT_TRUE(record);
  for (const auto& entry : std::filesystem::directory_iterator(folder())) {
    EXPECT_EQ(std::filesystem::status(entry.path()).permissions(), std::filesystem::perms(0700));
    EXPECT_EQ(std::filesystem::status(entry.path() / "session.json").permissions(),
              std::filesystem::perms(0600));
  }
}

TEST_F(WebDriverRecords, DamagedAndMissingOnesAreNoTrouble) {
  EXPECT_FALSE(hasWebDriverRecords(folder()));
  EXPECT_THAT(sweep().left, IsEmpty());
  for (const auto* text :
       {"", "{", "[]", R"({"remote":1})", R"({"remote":"http://mac.local:4444","session":"1"})",
        R"({"remote":"http://mac.local:4444","session":"../a","opened_unix":1800000000})"}) {
    test::writeText(folder() / "1-00/lock", "");
    test::writeText(folder() / "1-00/session.json", text);
    EXPECT_THAT(sweep().ended, IsEmpty());
    EXPECT_FALSE(hasWebDriverRecords(folder())) << text;
  }
  EXPECT_THAT(end_.said(), IsEmpty());
}

}  // namespace
}  // namespace webpool::browsers
