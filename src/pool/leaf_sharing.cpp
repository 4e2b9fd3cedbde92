#include "pool/leaf_sharing.h"

#include <algorithm>
#include <utility>

namespace webpool::pool {
namespace {

constexpr std::size_t kMostPeers = 64;  // that a page is told of; it connects to a few of them

bool same(const wire::Peers& a, const wire::Peers& b) {
  return std::ranges::equal(a.files, b.files, [](const auto& x, const auto& y) {
    return x.cid == y.cid && x.peers == y.peers;
  });
}

}  // namespace

LeafSharing::LoadId LeafSharing::loadBegan(const std::string& page,
                                           const std::vector<std::string>& cids,
                                           PeerSharing sharing, bool here, base::TimePoint now) {
  // Between browsers of this machine bytes come faster from the pool than from each other.
  if (sharing == PeerSharing::Off || (sharing == PeerSharing::Auto && here)) return 0;
  const auto id = nextLoad_++;
  loads_[id] = {page, {cids.begin(), cids.end()}, sharing, now};
  for (const auto& cid : cids) files_[cid].loads.insert(id);
  look();
  return id;
}

void LeafSharing::fetched(LoadId id, std::uint64_t bytes, std::uint64_t total,
                          base::TimePoint now) {
  const auto found = loads_.find(id);
  if (found == loads_.end() || !found->second.fetching) return;
  auto& load = found->second;
  load.fetching = bytes < total;
  const auto took = now - load.began;
  const auto rate = double(bytes) / std::max(1e-3, std::chrono::duration<double>(took).count());
  load.slow = load.fetching && took >= rules_.measured && rate < rules_.enough;
  look();
}

void LeafSharing::loadEnded(LoadId id, bool kept) {
  if (!loads_.contains(id)) return;
  drop(id, kept);
  look();
}

void LeafSharing::drop(LoadId id, bool kept) {
  const auto load = std::move(loads_.extract(id).mapped());
  for (const auto& cid : load.cids) {
    auto& file = files_[cid];
    file.loads.erase(id);
    if (kept) file.keeps.insert(load.page);
  }
}

void LeafSharing::pageLeft(const std::string& page) {
  std::vector<LoadId> own;
  for (const auto& [id, load] : loads_) {
    if (load.page == page) own.push_back(id);
  }
  for (const auto id : own) drop(id, false);
  for (auto& [cid, file] : files_) file.keeps.erase(page);
  told_.erase(page);
  look();
}

/// From the first reason on, until nobody fetches it any more.
bool LeafSharing::isWanted(const File& file) const {
  unsigned slow = 0;
  unsigned fetching = 0;
  bool asked = false;
  for (const auto id : file.loads) {
    const auto& load = loads_.at(id);
    if (!load.fetching) continue;
    ++fetching;
    slow += load.slow ? 1 : 0;
    asked = asked || load.sharing == PeerSharing::On;
  }
  return fetching > 0 && (file.shared || asked || slow >= rules_.crowd);
}

std::set<std::string> LeafSharing::members(const File& file) const {
  auto pages = file.keeps;
  for (const auto id : file.loads) pages.insert(loads_.at(id).page);
  return pages;
}

void LeafSharing::look() {
  std::map<std::string, wire::Peers> now;
  for (auto entry = files_.begin(); entry != files_.end();) {
    auto& [cid, file] = *entry;
    if (file.loads.empty() && file.keeps.empty()) {
      entry = files_.erase(entry);
      continue;
    }
    ++entry;
    file.shared = isWanted(file);
    if (!file.shared) continue;
    const auto all = members(file);
    if (all.size() < 2) continue;
    for (const auto id : file.loads) {
      const auto& load = loads_.at(id);
      if (!load.fetching) continue;
      auto& peers = now[load.page];
      peers.self = load.page;
      auto& of = peers.files.emplace_back(wire::FilePeers{cid, {}});
      for (const auto& page : all) {
        if (page != load.page && of.peers.size() < kMostPeers) of.peers.push_back(page);
      }
    }
  }
  for (auto& [page, peers] : now) {
    const auto told = told_.find(page);
    if (told != told_.end() && same(told->second, peers)) continue;
    told_[page] = peers;
    tells_.push_back({page, peers});
  }
}

bool LeafSharing::mayTalk(std::string_view a, std::string_view b) const {
  return std::ranges::any_of(files_, [&](const auto& entry) {
    const auto& file = entry.second;
    if (!file.shared) return false;
    const auto all = members(file);
    return all.contains(std::string(a)) && all.contains(std::string(b));
  });
}

std::vector<LeafSharing::Tell> LeafSharing::takeTells() {
  return std::exchange(tells_, {});
}

std::string withAddress(std::string_view candidate, std::string_view address) {
  constexpr std::string_view kLocal = ".local ";
  const auto end = candidate.find(kLocal);
  const auto colon = address.rfind(':');
  if (end == std::string_view::npos || colon == std::string_view::npos) return {};
  auto host = address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (host.starts_with("::ffff:")) host.remove_prefix(7);
  if (host.empty() || host.starts_with("127.") || host == "::1") return {};
  const auto begin = candidate.rfind(' ', end);
  if (begin == std::string_view::npos) return {};
  std::string changed(candidate.substr(0, begin + 1));
  changed += host;
  changed += candidate.substr(end + kLocal.size() - 1);
  return changed;
}

}  // namespace webpool::pool
