// Servers that stall, lie, send without end, redirect without end, refuse and hang up.
#include "sources/content_fetch.h"
#include "sources/testing/fetch_test_support.h"

namespace webpool::sources {
namespace {

using testing::HasSubstr;

using Request = OddServer::Request;

class OddServers : public FetchTest {
 protected:
  void SetUp() override {
    FetchTest::SetUp();
    root_ = publishFile(12 << 20);
  }

  /// The odd one beside one that is right: the fetch succeeds.
  void expectNoHarm(const OddServer::Oddity& oddity) {
    const OddServer odd(blocks_, oddity);
    OddServer right(blocks_);
    right.limit(100e6);
    const auto fetched = fetch(root_, {odd.address(), right.address()});
    ASSERT_TRUE(fetched) << fetched.error().describe();
    expectWhole(root_);
    EXPECT_GT(odd.requests(), 0u);
    odd_ = odd.address();
  }

  /// The odd one alone: the error.
  Error failure(const OddServer::Oddity& oddity) {
    const OddServer odd(blocks_, oddity);
    auto how = options({odd.address()});
    how.blocks.stall = std::chrono::milliseconds(150);
    how.blocks.stripes.mostFailures = 2;
    how.blocks.stripes.mostAttempts = 2;
    const auto fetched = fetch(root_, how);
    EXPECT_FALSE(fetched);
    if (fetched) return {};
    EXPECT_THAT(fetched.error().message, HasSubstr(odd.address())) << "it is named";
    expectNothingKept();
    odd_ = odd.address();
    return fetched.error();
  }

  cid::Cid root_;
  std::string odd_;
};

TEST_F(OddServers, OneThatNeverAnswers) {
  const auto stall = [](OddServer& server, const Request& request) {
    server.hang(request.socket);
    return true;
  };
  expectNoHarm(stall);
  TearDown();
  SetUp();
  const auto error = failure(stall);
  EXPECT_EQ(error.category, ErrorCategory::Timeout);
}

TEST_F(OddServers, OneThatStopsInTheMiddle) {
  const auto stop = [&](OddServer& server, const Request& request) {
    OddServer::say(request.socket, "HTTP/1.1 200 x\r\nContent-Length: 1048576\r\n\r\nabc");
    server.hang(request.socket);
    return true;
  };
  expectNoHarm(stop);
}

TEST_F(OddServers, OneThatLiesIsDroppedAndNamed) {
  const auto wrong = [](OddServer&, const Request& request) {
    OddServer::answer(request.socket, 200, std::string(1000, 'x'));
    return true;
  };
  expectNoHarm(wrong);
  EXPECT_TRUE(lied(odd_));
  EXPECT_EQ(bytesOf(odd_), 0u);
  TearDown();
  SetUp();
  const auto error = failure(wrong);
  EXPECT_EQ(error.category, ErrorCategory::Integrity);
  EXPECT_THAT(error.message, HasSubstr("came wrong"));
}

TEST_F(OddServers, OneThatLiesAfterAWhile) {
  expectNoHarm([](OddServer&, const Request& request) {
    if (request.number < 3) return false;
    OddServer::answer(request.socket, 200, std::string(1u << 20, 'x'));
    return true;
  });
  EXPECT_TRUE(lied(odd_));
}

TEST_F(OddServers, OneThatSendsWithoutEnd) {
  std::atomic<std::uint64_t> sent{0};
  const auto endless = [&](OddServer& server, const Request& request) {
    OddServer::say(request.socket, "HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n");
    const std::string chunk = "10000\r\n" + std::string(65536, 'x') + "\r\n";
    while (!server.isEnding() && OddServer::say(request.socket, chunk)) sent += chunk.size();
    return true;
  };
  expectNoHarm(endless);
  EXPECT_TRUE(lied(odd_));
  TearDown();
  SetUp();
  sent = 0;
  EXPECT_EQ(failure(endless).category, ErrorCategory::Integrity);
  EXPECT_LT(sent, 32u << 20) << "it is hung up on";
}

TEST_F(OddServers, OneThatClaimsToSendTooMuch) {
  const auto claim = [](OddServer& server, const Request& request) {
    OddServer::say(request.socket, "HTTP/1.1 200 x\r\nContent-Length: 99999999999\r\n\r\n");
    server.hang(request.socket);
    return true;
  };
  expectNoHarm(claim);
  EXPECT_TRUE(lied(odd_));
  TearDown();
  SetUp();
  EXPECT_EQ(failure(claim).category, ErrorCategory::Integrity);
}

TEST_F(OddServers, OneThatSendsMoreThanABlockHasIsAskedOnce) {
  for (const std::size_t size : {(2u << 20) + 1, (4u << 20) + 1, 6u << 20}) {
    std::atomic<unsigned> asked{0};
    const std::string much(size, 'x');
    const auto large = [&](OddServer&, const Request& request) {
      ++asked;
      OddServer::answer(request.socket, 200, much);
      return true;
    };
    const auto error = failure(large);
    EXPECT_EQ(error.category, ErrorCategory::Integrity) << size;
    EXPECT_THAT(error.message, HasSubstr("more bytes than a block can have"));
    EXPECT_TRUE(lied(odd_));
    EXPECT_EQ(asked, 1u) << size;
    TearDown();
    SetUp();
  }
}

TEST_F(OddServers, OneThatSaysALotWithAnError) {
  const auto page = [](OddServer&, const Request& request) {
    OddServer::answer(request.socket, 404, std::string(3u << 20, 'x'));
    return true;
  };
  expectNoHarm(page);
  EXPECT_FALSE(lied(odd_)) << "it said that it has nothing";
}

TEST_F(OddServers, OneThatRedirectsWithoutEnd) {
  const auto redirect = [](OddServer&, const Request& request) {
    OddServer::answer(request.socket, 302, "", "Location: " + request.target + "\r\n");
    return true;
  };
  expectNoHarm(redirect);
  TearDown();
  SetUp();
  const auto error = failure(redirect);
  EXPECT_EQ(error.category, ErrorCategory::Fetch);
  EXPECT_THAT(error.message, HasSubstr("redirects without end"));
}

TEST_F(OddServers, OneThatHasNothing) {
  const auto always = [](OddServer&, const Request& request) {
    OddServer::answer(request.socket, 404, "none");
    return true;
  };
  expectNoHarm(always);
  TearDown();
  SetUp();
  const auto error = failure(always);
  EXPECT_EQ(error.category, ErrorCategory::NotFound);
  EXPECT_THAT(error.message, HasSubstr("HTTP 404"));
}

TEST_F(OddServers, OneThatIsBusyForAWhile) {
  const auto busy = [](OddServer&, const Request& request) {
    if (request.number >= 4) return false;
    OddServer::answer(request.socket, 429, "", "Retry-After: 0\r\n");
    return true;
  };
  const OddServer odd(blocks_, busy);
  const auto fetched = fetch(root_, {odd.address()});
  ASSERT_TRUE(fetched) << fetched.error().describe();
  expectWhole(root_);
}

TEST_F(OddServers, OneThatIsBusyForGood) {
  const auto error = failure([](OddServer&, const Request& request) {
    OddServer::answer(request.socket, 429, "", "Retry-After: 3600\r\n");
    return true;
  });
  EXPECT_EQ(error.category, ErrorCategory::Fetch);
  EXPECT_THAT(error.message, HasSubstr("HTTP 429"));
}

TEST_F(OddServers, OneThatHangsUpNowAndThen) {
  const OddServer odd(blocks_, [](OddServer&, const Request& request) {
    if (request.number % 4 != 1) return false;
    OddServer::say(request.socket, "HTTP/1.1 200 x\r\nContent-Length: 1048576\r\n\r\nabc");
    return true;
  });
  const auto fetched = fetch(root_, {odd.address()});
  ASSERT_TRUE(fetched) << fetched.error().describe();
  expectWhole(root_);
}

TEST_F(OddServers, OneThatIsNotThere) {
  const OddServer right(blocks_);
  const auto fetched = fetch(root_, {"http://127.0.0.1:1", right.address()});
  ASSERT_TRUE(fetched) << fetched.error().describe();
  expectWhole(root_);
}

TEST_F(OddServers, OneThatSpeaksNoHttp) {
  expectNoHarm([](OddServer&, const Request& request) {
    OddServer::say(request.socket, "\x16\x03\x01 what is this");
    return true;
  });
}

TEST_F(OddServers, AllOfThemBesideOneThatIsSlowButRight) {
  std::vector<std::unique_ptr<OddServer>> odd;
  const auto add = [&](OddServer::Oddity oddity) {
    odd.push_back(std::make_unique<OddServer>(blocks_, std::move(oddity)));
  };
  add([](OddServer& server, const Request& request) {
    server.hang(request.socket);
    return true;
  });
  add([](OddServer&, const Request& request) {
    OddServer::answer(request.socket, 200, "no");
    return true;
  });
  add([](OddServer&, const Request& request) {
    OddServer::answer(request.socket, 302, "", "Location: /x" + request.target + "\r\n");
    return true;
  });
  add([](OddServer&, const Request& request) {
    OddServer::answer(request.socket, 500, "");
    return true;
  });
  add([](OddServer&, const Request&) { return true; });
  OddServer right(blocks_);
  right.limit(20e6);
  std::vector<std::string> gateways;
  for (const auto& one : odd) gateways.push_back(one->address());
  gateways.push_back(right.address());
  const auto fetched = fetch(root_, gateways);
  ASSERT_TRUE(fetched) << fetched.error().describe();
  expectWhole(root_);
  EXPECT_GE(bytesOf(right.address()), 12u << 20);
}

TEST_F(OddServers, ARouterNamesWhoElseMayBeAsked) {
  // Only encrypted gateways are taken from a router, so none of this answer is asked.
  const OddServer router(blocks_, [](OddServer&, const Request& request) {
    OddServer::answer(request.socket, 200,
                      R"({"Providers":[{"Protocols":["transport-ipfs-gateway-http"],)"
                      R"("Addrs":["/ip4/192.0.2.1/tcp/80/http"]}]})");
    return true;
  });
  const OddServer right(blocks_);
  auto how = options({right.address()});
  how.settings.routers = {router.address()};
  const auto fetched = fetch(root_, how);
  ASSERT_TRUE(fetched) << fetched.error().describe();
  EXPECT_EQ(router.requests(), 1u);
  how.settings.gateways.clear();
  const auto none = fetch(publishFile(10, "other"), how);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().category, ErrorCategory::NotFound);
  EXPECT_THAT(none.error().message, HasSubstr("http://192.0.2.1, which was passed over"));
}

}  // namespace
}  // namespace webpool::sources
