#include "cid/sha256_lanes.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

namespace webpool::cid {

#if defined(__x86_64__)
namespace {

constexpr std::size_t kLanes = 4;
constexpr std::size_t kBlock = 64;

// The first 32 bits of the fractional parts of the cube roots of the first 64 primes (FIPS 180-4).
alignas(16) constexpr std::uint32_t kRound[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

/// The eight state words a…h, in the two halves that the instructions work on.
struct Lane {
  __m128i abef;
  __m128i cdgh;
};

bool hasShaInstructions() noexcept {
  unsigned a = 0, b = 0, c = 0, d = 0;
  constexpr unsigned kSsse3 = 1u << 9, kSse41 = 1u << 19, kSha = 1u << 29;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & kSsse3) || !(c & kSse41)) return false;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & kSha);
}

/// `blocks` blocks of every message: `message[n] + stride of 64`. Each message goes into the
/// `States` lanes from `n * States` on, which share the work on its words.
template <std::size_t Messages, std::size_t States>
__attribute__((target("sha,sse4.1,ssse3"))) void compress(
    Lane (&lanes)[Messages * States], const std::byte* const (&message)[Messages],
    std::size_t blocks) {
  const __m128i bigEndian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  for (std::size_t block = 0; block < blocks; ++block) {
    __m128i words[Messages][4];  // the last 16 words of the schedule
    Lane before[Messages * States];
    for (std::size_t i = 0; i < Messages * States; ++i) before[i] = lanes[i];
    for (std::size_t n = 0; n < Messages; ++n) {
      const auto* source = reinterpret_cast<const __m128i*>(message[n] + block * kBlock);
      for (int i = 0; i < 4; ++i) {
        words[n][i] = _mm_shuffle_epi8(_mm_loadu_si128(source + i), bigEndian);
      }
    }
#pragma clang loop unroll(full)
    for (int group = 0; group < 16; ++group) {  // four rounds each
      const auto constants = _mm_load_si128(reinterpret_cast<const __m128i*>(kRound + 4 * group));
#pragma clang loop unroll(full)
      for (std::size_t n = 0; n < Messages; ++n) {
        auto& current = words[n][group & 3];
        const auto sum = _mm_add_epi32(current, constants);
        const auto high = _mm_shuffle_epi32(sum, 0x0e);
        for (std::size_t i = n * States; i < (n + 1) * States; ++i) {
          lanes[i].cdgh = _mm_sha256rnds2_epu32(lanes[i].cdgh, lanes[i].abef, sum);
        }
        for (std::size_t i = n * States; i < (n + 1) * States; ++i) {
          lanes[i].abef = _mm_sha256rnds2_epu32(lanes[i].abef, lanes[i].cdgh, high);
        }
        if (group < 12) {  // these four words become those of the group after the next three
          const auto& next = words[n][(group + 1) & 3];
          const auto& later = words[n][(group + 2) & 3];
          const auto& last = words[n][(group + 3) & 3];
          current = _mm_sha256msg2_epu32(
              _mm_add_epi32(_mm_sha256msg1_epu32(current, next), _mm_alignr_epi8(last, later, 4)),
              last);
        }
      }
    }
    for (std::size_t i = 0; i < Messages * States; ++i) {
      lanes[i].abef = _mm_add_epi32(lanes[i].abef, before[i].abef);
      lanes[i].cdgh = _mm_add_epi32(lanes[i].cdgh, before[i].cdgh);
    }
  }
}

Lane firstState() {
  return {_mm_set_epi32(0x6a09e667, static_cast<int>(0xbb67ae85), 0x510e527f,
                        static_cast<int>(0x9b05688c)),
          _mm_set_epi32(0x3c6ef372, static_cast<int>(0xa54ff53a), 0x1f83d9ab, 0x5be0cd19)};
}

/// What follows a message's whole blocks: its rest, the padding and its length.
struct Tail {
  std::byte bytes[2 * kBlock] = {};
  std::size_t blocks = 1;
};

Tail tailOf(std::span<const std::byte> rest, std::uint64_t size) {
  Tail tail;
  if (rest.size() + 9 > kBlock) tail.blocks = 2;
  std::ranges::copy(rest, tail.bytes);
  tail.bytes[rest.size()] = std::byte{0x80};
  const auto bits = size * 8;
  for (std::size_t i = 0; i < 8; ++i) {
    tail.bytes[tail.blocks * kBlock - 1 - i] = static_cast<std::byte>(bits >> (8 * i));
  }
  return tail;
}

/// Of a message's end that fills no block.
std::span<const std::byte> restOf(std::span<const std::byte> message) {
  return message.subspan(message.size() - message.size() % kBlock);
}

Digest digestOf(const Lane& lane) {
  // Lowest first: f e b a and h g d c.
  std::uint32_t feba[4];
  std::uint32_t hgdc[4];
  std::memcpy(feba, &lane.abef, sizeof(feba));
  std::memcpy(hgdc, &lane.cdgh, sizeof(hgdc));
  const std::uint32_t state[] = {feba[3], feba[2], hgdc[3], hgdc[2],
                                 feba[1], feba[0], hgdc[1], hgdc[0]};
  Digest digest;
  for (std::size_t i = 0; i < digest.size(); ++i) {
    digest[i] = static_cast<std::byte>(state[i / 4] >> (24 - 8 * (i % 4)));
  }
  return digest;
}

Digest finished(Lane lane, const Tail& tail) {
  Lane lanes[1]{lane};
  const std::byte* const start[1]{tail.bytes};
  compress<1, 1>(lanes, start, tail.blocks);
  return digestOf(lanes[0]);
}

/// N messages of one length.
template <std::size_t N>
void hashTogether(const std::span<const std::byte>* messages, Digest* digests) {
  const auto size = messages[0].size();
  Lane lanes[N];
  const std::byte* starts[N];
  Tail tails[N];
  const std::byte* tailStarts[N];
  for (std::size_t n = 0; n < N; ++n) {
    lanes[n] = firstState();
    starts[n] = messages[n].data();
    tails[n] = tailOf(restOf(messages[n]), size);
    tailStarts[n] = tails[n].bytes;
  }
  compress<N, 1>(lanes, starts, size / kBlock);
  compress<N, 1>(lanes, tailStarts, tails[0].blocks);
  for (std::size_t n = 0; n < N; ++n) digests[n] = digestOf(lanes[n]);
}

}  // namespace

std::size_t sha256LaneCount() noexcept {
  static const bool has = hasShaInstructions();
  return has ? kLanes : 1;
}

void sha256Each(std::span<const std::span<const std::byte>> messages, std::span<Digest> digests) {
  std::size_t i = 0;
  while (i < messages.size()) {
    std::size_t equal = 1;
    while (equal < kLanes && i + equal < messages.size() &&
           messages[i + equal].size() == messages[i].size()) {
      ++equal;
    }
    if (equal == 1 || sha256LaneCount() == 1) {
      digests[i] = sha256(messages[i]);
      ++i;
    } else if (equal < kLanes) {
      hashTogether<2>(&messages[i], &digests[i]);
      i += 2;
    } else {
      hashTogether<kLanes>(&messages[i], &digests[i]);
      i += kLanes;
    }
  }
}

LeavesAndWholeHash::LeavesAndWholeHash() {
  const auto first = firstState();
  std::memcpy(whole_.data(), &first, sizeof(first));
}

Digest LeavesAndWholeHash::add(std::span<const std::byte> leaf) {
  if (sha256LaneCount() == 1) {
    slow_.update(leaf);
    return sha256(leaf);
  }
  Lane lanes[2]{firstState(), firstState()};
  std::memcpy(&lanes[0], whole_.data(), sizeof(Lane));
  const std::byte* const start[1]{leaf.data()};
  compress<1, 2>(lanes, start, leaf.size() / kBlock);
  std::memcpy(whole_.data(), &lanes[0], sizeof(Lane));
  size_ += leaf.size();
  const auto rest = restOf(leaf);
  std::ranges::copy(rest, rest_.begin());
  return finished(lanes[1], tailOf(rest, leaf.size()));
}

Digest LeavesAndWholeHash::finish() {
  if (sha256LaneCount() == 1) return slow_.finish();
  Lane lane;
  std::memcpy(&lane, whole_.data(), sizeof(lane));
  return finished(lane, tailOf(std::span(rest_).first(size_ % kBlock), size_));
}
#else
std::size_t sha256LaneCount() noexcept {
  return 1;
}

void sha256Each(std::span<const std::span<const std::byte>> messages, std::span<Digest> digests) {
  for (std::size_t i = 0; i < messages.size(); ++i) digests[i] = sha256(messages[i]);
}

LeavesAndWholeHash::LeavesAndWholeHash() : whole_{} {}

Digest LeavesAndWholeHash::add(std::span<const std::byte> leaf) {
  slow_.update(leaf);
  return sha256(leaf);
}

Digest LeavesAndWholeHash::finish() {
  return slow_.finish();
}
#endif

}  // namespace webpool::cid
