// The words that enumerations have on the wire.
#pragma once

#include <array>
#include <string_view>
#include <utility>

#include "wire/messages.h"

namespace webpool::wire {

template <class E, std::size_t N>
using NameTable = std::array<std::pair<E, std::string_view>, N>;

inline constexpr NameTable<Backend, 3> kBackendNames{{
    {Backend::Wasm, "wasm"},
    {Backend::WebGpu, "webgpu"},
    {Backend::WebNn, "webnn"},
}};

inline constexpr NameTable<LoadPhase, 3> kPhaseNames{{
    {LoadPhase::Fetch, "fetch"},
    {LoadPhase::Compile, "compile"},
    {LoadPhase::Warmup, "warmup"},
}};

inline constexpr NameTable<LogLevel, 4> kLogLevelNames{{
    {LogLevel::Debug, "debug"},
    {LogLevel::Info, "info"},
    {LogLevel::Warning, "warning"},
    {LogLevel::Error, "error"},
}};

inline constexpr NameTable<SignalKind, 4> kSignalNames{{
    {SignalKind::Offer, "offer"},
    {SignalKind::Answer, "answer"},
    {SignalKind::Candidate, "candidate"},
    {SignalKind::Gone, "gone"},
}};

template <class E, std::size_t N>
constexpr std::string_view nameIn(const NameTable<E, N>& table, E value) noexcept {
  for (const auto& [entry, name] : table) {
    if (entry == value) return name;
  }
  return {};
}

template <class E, std::size_t N>
constexpr const E* findIn(const NameTable<E, N>& table, std::string_view name) noexcept {
  for (const auto& entry : table) {
    if (entry.second == name) return &entry.first;
  }
  return nullptr;
}

}  // namespace webpool::wire
