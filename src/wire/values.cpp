#include "wire/values.h"

#include "wire/field_names.h"

namespace webpool::wire {

std::string_view backendName(Backend backend) noexcept {
  return nameIn(kBackendNames, backend);
}

std::optional<Backend> backendFromName(std::string_view name) noexcept {
  const auto* found = findIn(kBackendNames, name);
  return found ? std::optional(*found) : std::nullopt;
}

std::string_view loadPhaseName(LoadPhase phase) noexcept {
  return nameIn(kPhaseNames, phase);
}

}  // namespace webpool::wire
