#include "browsers/memory.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/random.h"
#include "browsers/process_end.h"
#include "browsers/test_support.h"

namespace webpool::browsers {
namespace {

constexpr std::uint64_t kMib = 1 << 20;

TEST(Memory, GrowsWithWhatAProcessTouches) {
  const auto before = processPss(::getpid());
  ASSERT_TRUE(before) << before.error().describe();
  EXPECT_GT(*before, kMib);
  constexpr std::size_t kSize = 64 * kMib;
  // The kernel touches it: a sanitizer would count a write of ours in pages of its own.
  void* block = ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  ASSERT_NE(block, MAP_FAILED);
  const auto after = processPss(::getpid());
  ::munmap(block, kSize);
  ASSERT_TRUE(after);
  // Other processes that map the same libraries come and go, and share their pages.
  EXPECT_GE(*after - *before, kSize - 16 * kMib);
  EXPECT_LT(*after - *before, kSize + 16 * kMib);
}

TEST(Memory, OfABrowserIsThatOfItsTree) {
  const BrowserIdentity identity{.marker = base::randomHex(base::systemRandom(), 8),
                                 .profileArgument = ""};
  test::Helper tree("/bin/sh", {"-c", "sleep 1000 & sleep 1000 & echo up; wait"},
                    {markerVariable(identity.marker), "PATH=/bin:/usr/bin"});
  ASSERT_EQ(tree.readLine(), "up");
  const auto use = memoryOf(identity);
  EXPECT_TRUE(endProcesses(identity, std::chrono::seconds(5)));
  ASSERT_TRUE(use) << use.error().describe();
  EXPECT_EQ(use->processes, 3u);
  EXPECT_GT(use->pss, 0u);
  EXPECT_LT(use->pss, 30 * kMib);
}

TEST(Memory, OfNobodyIsAnError) {
  const auto none = memoryOf({.marker = "no-such-marker", .profileArgument = ""});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().category, ErrorCategory::NotFound);

  test::Helper ended("/bin/true", {});
  ended.process().waitFor(std::chrono::seconds(10));
  const auto pss = processPss(ended.process().pid());
  ASSERT_FALSE(pss);
  EXPECT_EQ(pss.error().category, ErrorCategory::NotFound);
}

}  // namespace
}  // namespace webpool::browsers
