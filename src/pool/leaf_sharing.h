// Which pages may get leaves of model files from each other, and when that begins. Who gets which
// leaf from whom is the pages' own affair (web/worker/peers); here is only who is told of whom.
// Pure: events and the time go in.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "webpool/options.h"
#include "wire/messages.h"

namespace webpool::pool {

/// When browsers that may share do so under PeerSharing::Auto: each of so many that fetch one file
/// at once gets less than what a channel between two browsers moves.
struct SharingRules {
  unsigned crowd = 3;
  double enough = 4e6;                                ///< bytes a second, for each
  base::Duration measured = std::chrono::seconds(2);  ///< so long at least each has been fetching
};

class LeafSharing {
 public:
  using LoadId = std::uint64_t;

  struct Tell {
    std::string page;
    wire::Peers peers;
  };

  explicit LeafSharing(SharingRules rules = {}) : rules_(rules) {}

  /// A page is to load these files. `here`: its browser runs on the pool's machine. A number for
  /// the calls that follow; 0 where the load has no part in it.
  LoadId loadBegan(const std::string& page, const std::vector<std::string>& cids,
                   PeerSharing sharing, bool here, base::TimePoint now);
  /// So many bytes of all its files are there.
  void fetched(LoadId load, std::uint64_t bytes, std::uint64_t total, base::TimePoint now);
  /// `kept`: the page has the files now, and can give them.
  void loadEnded(LoadId load, bool kept);
  void pageLeft(const std::string& page);

  /// They have a file in common that is being shared.
  bool mayTalk(std::string_view a, std::string_view b) const;

  /// What is to be told to which page, since the last call.
  std::vector<Tell> takeTells();

 private:
  struct Load {
    std::string page;
    std::set<std::string> cids;
    PeerSharing sharing = PeerSharing::Auto;
    base::TimePoint began;
    bool fetching = true;  ///< some bytes are still missing
    bool slow = false;     ///< it has fetched for a while, and got little
  };
  struct File {
    std::set<LoadId> loads;       ///< under way
    std::set<std::string> keeps;  ///< pages that have it, or did when their load ended
    bool shared = false;
  };

  bool isWanted(const File& file) const;
  std::set<std::string> members(const File& file) const;
  void look();
  void drop(LoadId load, bool kept);

  SharingRules rules_;
  LoadId nextLoad_ = 1;
  std::map<LoadId, Load> loads_;
  std::map<std::string, File> files_;        ///< by CID
  std::map<std::string, wire::Peers> told_;  ///< by page, what it was told last
  std::vector<Tell> tells_;
};

/// A page's candidate with that address in place of a name of multicast DNS, which other machines
/// may not be able to resolve; "" where there is none in it. `address`: of the page's connection to
/// the pool, "192.0.2.7:40000" or "[fd00::7]:40000".
std::string withAddress(std::string_view candidate, std::string_view address);

}  // namespace webpool::pool
