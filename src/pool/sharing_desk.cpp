#include "pool/sharing_desk.h"

#include <utility>

namespace webpool::pool {
namespace {

// A page makes at most a few connections, each of some twenty signals.
constexpr unsigned kMostSignals = 400;
constexpr std::chrono::seconds kWindow{10};

}  // namespace

void SharingDesk::pageCame(const std::string& page, Place place) {
  pages_[page] = {std::move(place), loop_.now(), 0};
}

void SharingDesk::pageLeft(const std::string& page) {
  if (pages_.erase(page) == 0) return;
  sharing_.pageLeft(page);
  tell();
}

LeafSharing::LoadId SharingDesk::loadBegan(const std::string& page, wire::Load& load,
                                           PeerSharing sharing, bool here) {
  LeafSharing::LoadId id = 0;
  if (pages_.contains(page)) {
    std::vector<std::string> cids;
    cids.reserve(load.files.size());
    for (const auto& file : load.files) cids.push_back(file.cid);
    id = sharing_.loadBegan(page, cids, sharing, here, loop_.now());
    tell();
  }
  if (id == 0) load.options["sharing"] = false;
  return id;
}

void SharingDesk::fetched(LeafSharing::LoadId load, std::uint64_t bytes, std::uint64_t total) {
  if (load == 0) return;
  sharing_.fetched(load, bytes, total, loop_.now());
  tell();
}

void SharingDesk::loadEnded(LeafSharing::LoadId load, bool kept) {
  if (load == 0) return;
  sharing_.loadEnded(load, kept);
  tell();
}

void SharingDesk::signalled(const std::string& from, wire::Signal signal) {
  const auto sender = pages_.find(from);
  if (sender == pages_.end()) return;
  const auto now = loop_.now();
  if (now - sender->second.window >= kWindow) {
    sender->second.window = now;
    sender->second.said = 0;
  }
  if (++sender->second.said > kMostSignals) return;
  const auto receiver = pages_.find(signal.peer);
  if (receiver == pages_.end() || !sharing_.mayTalk(from, signal.peer)) {
    const auto& place = sender->second.place;
    if (signal.kind == wire::SignalKind::Gone) return;
    place.hub->tell(place.session, wire::Signal{signal.peer, wire::SignalKind::Gone, ""});
    return;
  }
  signal.peer = from;
  const auto& place = receiver->second.place;
  place.hub->tell(place.session, signal);
  if (signal.kind != wire::SignalKind::Candidate) return;
  auto reachable = withAddress(signal.text, sender->second.place.address);
  if (reachable.empty()) return;
  signal.text = std::move(reachable);
  place.hub->tell(place.session, signal);
}

void SharingDesk::tell() {
  for (auto& [page, peers] : sharing_.takeTells()) {
    const auto found = pages_.find(page);
    if (found == pages_.end()) continue;
    const auto& place = found->second.place;
    place.hub->tell(place.session, peers);
  }
}

}  // namespace webpool::pool
