// The shell around LeafSharing: tells pages of each other, and hands on what they say to each other
// while they connect. On the loop thread.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "net/event_loop.h"
#include "pool/leaf_sharing.h"
#include "pool/page_hub.h"

namespace webpool::pool {

class SharingDesk {
 public:
  /// Where a page is reached.
  struct Place {
    PageHub* hub = nullptr;  ///< outlives the page's time here
    std::string session;
    std::string address = {};  ///< "address:port" of its connection, where it is known
  };

  explicit SharingDesk(net::EventLoop& loop) : loop_(loop) {}

  void pageCame(const std::string& page, Place place);
  void pageLeft(const std::string& page);

  /// As LeafSharing's. A load that has no part in it says so to its page, which may have
  /// connections to others for the sake of other loads.
  LeafSharing::LoadId loadBegan(const std::string& page, wire::Load& load, PeerSharing sharing,
                                bool here);
  void fetched(LeafSharing::LoadId load, std::uint64_t bytes, std::uint64_t total);
  void loadEnded(LeafSharing::LoadId load, bool kept);

  /// What a page says to another one. Dropped where they have nothing to do with each other, or
  /// where it says too much.
  void signalled(const std::string& from, wire::Signal signal);

 private:
  struct Page {
    Place place;
    base::TimePoint window;  ///< in which `said` is counted
    unsigned said = 0;
  };

  void tell();

  net::EventLoop& loop_;
  LeafSharing sharing_;
  std::map<std::string, Page> pages_;
};

}  // namespace webpool::pool
