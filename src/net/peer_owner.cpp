#include "net/peer_owner.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <string>

#include <fmt/format.h>

#include "base/file.h"

namespace webpool::net {
namespace {

constexpr std::string_view kLoopback = "127.0.0.1:";

/// The next word of a line; empty at its end.
std::string_view takeWord(std::string_view& line) {
  const auto start = line.find_first_not_of(' ');
  if (start == std::string_view::npos) return line = {};
  line.remove_prefix(start);
  const auto word = line.substr(0, line.find(' '));
  line.remove_prefix(word.size());
  return word;
}

}  // namespace

std::optional<unsigned> ownerInTable(std::string_view table, std::uint16_t from, std::uint16_t to) {
  // Addresses stand there as they lie in memory: little-endian on this machine or not.
  constexpr std::uint32_t kAddress =
      std::endian::native == std::endian::little ? 0x0100007F : 0x7F000001;
  const auto local = fmt::format("{:08X}:{:04X}", kAddress, from);
  const auto remote = fmt::format("{:08X}:{:04X}", kAddress, to);
  constexpr std::string_view kEstablished = "01";  // those that wait for their end have no owner
  constexpr int kWordsBetween = 3;                 // queues, timer, retransmits
  while (!table.empty()) {
    const auto end = std::min(table.find('\n'), table.size());
    auto line = table.substr(0, end);
    table.remove_prefix(std::min(end + 1, table.size()));
    takeWord(line);  // its number
    if (takeWord(line) != local || takeWord(line) != remote) continue;
    if (takeWord(line) != kEstablished) continue;
    for (int i = 0; i < kWordsBetween; ++i) takeWord(line);
    const auto word = takeWord(line);
    unsigned owner = 0;
    const auto parsed = std::from_chars(word.data(), word.data() + word.size(), owner);
    if (parsed.ec == std::errc() && parsed.ptr == word.data() + word.size()) return owner;
  }
  return std::nullopt;
}

std::optional<unsigned> peerOwner(std::string_view peer, std::uint16_t to) {
  if (!peer.starts_with(kLoopback)) return std::nullopt;
  peer.remove_prefix(kLoopback.size());
  std::uint16_t from = 0;
  const auto parsed = std::from_chars(peer.data(), peer.data() + peer.size(), from);
  if (parsed.ec != std::errc() || parsed.ptr != peer.data() + peer.size()) return std::nullopt;
  const auto table = base::readFile("/proc/net/tcp");
  return table ? ownerInTable(*table, from, to) : std::nullopt;
}

}  // namespace webpool::net
