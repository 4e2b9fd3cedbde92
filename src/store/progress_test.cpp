#include "store/progress.h"

#include <gtest/gtest.h>

namespace webpool::store {
namespace {

using Phase = Progress::Phase;

// A phase without a name does not compile. These are shown, and programs may read them.
static_assert(phaseName(Phase::Import) == "import");
static_assert(phaseName(Phase::Keep) == "keep");
static_assert(phaseName(Phase::Verify) == "verify");
static_assert(phaseName(Phase::Fetch) == "download");
static_assert(phaseName(Phase::Wait) == "wait for");

TEST(Progress, WhatIsNoPhaseHasNoName) {
  EXPECT_EQ(phaseName(static_cast<Phase>(99)), "");
}

}  // namespace
}  // namespace webpool::store
