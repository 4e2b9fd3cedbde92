#include "pool/conversations.h"

#include <gtest/gtest.h>

namespace webpool::pool {
namespace {

TEST(Conversations, AreWhereTheyWereServedLast) {
  Conversations conversations;
  EXPECT_EQ(conversations.find("a"), 0u);
  conversations.served("a", 3);
  conversations.served("b", 4);
  conversations.served("a", 5);
  EXPECT_EQ(conversations.find("a"), 5u);
  EXPECT_EQ(conversations.find("b"), 4u);
}

TEST(Conversations, WithoutANameAreNotRemembered) {
  Conversations conversations;
  conversations.served("", 3);
  EXPECT_EQ(conversations.find(""), 0u);
  EXPECT_EQ(conversations.size(), 0u);
}

TEST(Conversations, OfTooManyTheOldestIsForgotten) {
  Conversations conversations(2);
  conversations.served("a", 1);
  conversations.served("b", 2);
  conversations.served("a", 1);
  conversations.served("c", 3);
  EXPECT_EQ(conversations.size(), 2u);
  EXPECT_EQ(conversations.find("b"), 0u);
  EXPECT_EQ(conversations.find("a"), 1u);
  EXPECT_EQ(conversations.find("c"), 3u);
}

}  // namespace
}  // namespace webpool::pool
