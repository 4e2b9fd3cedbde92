// The small functions of the public value types.
#include <fmt/format.h>

#include <array>
#include <cmath>
#include <utility>

#include "webpool/options.h"
#include "webpool/result.h"

namespace webpool {
namespace {

constexpr std::array<std::pair<Backend, std::string_view>, 4> kBackends{{
    {Backend::Auto, "auto"},
    {Backend::Wasm, "wasm"},
    {Backend::WebGpu, "webgpu"},
    {Backend::WebNn, "webnn"},
}};

}  // namespace

std::string_view backendName(Backend backend) noexcept {
  for (const auto& [value, name] : kBackends) {
    if (value == backend) return name;
  }
  return "auto";
}

Result<Backend> backendFromName(std::string_view name) {
  for (const auto& [value, known] : kBackends) {
    if (known == name) return value;
  }
  return fail(ErrorCategory::InvalidArgument, fmt::format("unknown backend '{}'", name),
              "one of auto, wasm, webgpu, webnn");
}

std::string_view peerSharingName(PeerSharing sharing) noexcept {
  switch (sharing) {
    case PeerSharing::On:
      return "on";
    case PeerSharing::Off:
      return "off";
    case PeerSharing::Auto:
      break;
  }
  return "auto";
}

Result<PeerSharing> peerSharingFromName(std::string_view name) {
  for (const auto sharing : {PeerSharing::Auto, PeerSharing::On, PeerSharing::Off}) {
    if (peerSharingName(sharing) == name) return sharing;
  }
  return fail(ErrorCategory::InvalidArgument, fmt::format("unknown peer sharing '{}'", name),
              "one of auto, on, off");
}

std::string_view LoadTimings::source() const {
  if (isCacheHit()) return "cache";
  if (bytesPeer > bytesNetwork) return "peer";
  return bytesNetwork > 0 ? "origin" : "";
}

std::string_view trustName(Trust trust) noexcept {
  return trust == Trust::Joined ? "joined" : "launched";
}

std::string AdapterInfo::label() const {
  std::string name;
  for (const auto* part : {&description, &device, &architecture, &vendor}) {
    if (!part->empty()) {
      name = *part;
      break;
    }
  }
  if (name.empty()) name = "an unnamed adapter";
  return software ? name + " (software)" : name;
}

bool RanOn::isRealHardware() const {
  return backend == Backend::WebGpu && adapter && !adapter->software;
}

double cosineSimilarity(std::span<const float> a, std::span<const float> b) {
  if (a.size() != b.size()) return 0;
  double dot = 0;
  double squareA = 0;
  double squareB = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    dot += double(a[i]) * double(b[i]);
    squareA += double(a[i]) * double(a[i]);
    squareB += double(b[i]) * double(b[i]);
  }
  return squareA == 0 || squareB == 0 ? 0 : dot / std::sqrt(squareA * squareB);
}

}  // namespace webpool
