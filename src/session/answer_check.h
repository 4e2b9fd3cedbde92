// Whether an answer is what its request asked for: a page that mixes them up can't be trusted.
#pragma once

#include <string_view>
#include <variant>

#include "wire/messages.h"

namespace webpool::session {

/// The reason why they don't fit; empty where they do.
inline std::string_view mismatch(const wire::Loaded& answer, const wire::PoolMessage& request) {
  const auto* load = std::get_if<wire::Load>(&request);
  if (!load) return "the request was no load";
  if (answer.model != load->model) return "another model was to be loaded";
  if (answer.backend != load->backend) return "another backend was asked for";
  return {};
}
inline std::string_view mismatch(const wire::RunResult&, const wire::PoolMessage& request) {
  return std::holds_alternative<wire::Run>(request) ? "" : "the request was no run";
}
inline std::string_view mismatch(const wire::Unloaded&, const wire::PoolMessage& request) {
  return std::holds_alternative<wire::Unload>(request) ? "" : "the request was no unload";
}
inline std::string_view mismatch(const wire::Stats&, const wire::PoolMessage& request) {
  return std::holds_alternative<wire::StatsRequest>(request) ? "" : "the request was no stats";
}
inline std::string_view mismatch(const wire::Checked&, const wire::PoolMessage& request) {
  return std::holds_alternative<wire::Check>(request) ? "" : "the request was no check";
}
inline std::string_view mismatch(const wire::EchoResult&, const wire::PoolMessage& request) {
  return std::holds_alternative<wire::EchoRequest>(request) ? "" : "the request was no echo";
}
inline std::string_view mismatch(const wire::Drained&, const wire::PoolMessage& request) {
  return std::holds_alternative<wire::Drain>(request) ? "" : "the request was no drain";
}

}  // namespace webpool::session
