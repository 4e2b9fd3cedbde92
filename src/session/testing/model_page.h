// A page that keeps to docs/protocol.md ("Resuming"), for random tests: it works on requests,
// keeps answers until they are confirmed, and counts how often it began each request.
#pragma once

#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "session/testing/session_script.h"

namespace webpool::session::testing {

class ModelPage {
 public:
  std::vector<RequestId> known() const {
    std::vector<RequestId> ids(order_);
    for (const auto& [id, answer] : kept_) ids.push_back(id);
    return ids;
  }

  /// A message from the pool; returns what the page says at once.
  std::vector<wire::PageMessage> receive(const wire::PoolFrame& frame) {
    for (const auto id : frame.received) forget(id);
    std::vector<wire::PageMessage> says;
    std::visit([&](const auto& message) { handle(message, says); }, frame.message);
    return says;
  }

  bool isBusy() const { return !order_.empty(); }
  std::size_t keptAnswers() const { return kept_.size(); }

  /// Finishes one request that is not `drain`, chosen by `pick`; its answer, kept from now on.
  std::vector<wire::PageMessage> finishOne(std::size_t pick) {
    std::vector<wire::PageMessage> says;
    if (order_.empty()) return says;
    auto id = order_[pick % order_.size()];
    const auto& request = working_.at(id);
    if (std::holds_alternative<wire::Drain>(request)) {
      if (order_.front() != id) return says;  // work sent before it is left
      answer(id, wire::Drained{id}, says);
    } else if (const auto* load = std::get_if<wire::Load>(&request)) {
      answer(id, loadedOf(id, load->model), says);
    } else if (std::holds_alternative<wire::Run>(request)) {
      answer(id, resultOf(id), says);
    } else if (std::holds_alternative<wire::Unload>(request)) {
      answer(id, wire::Unloaded{id}, says);
    } else if (std::holds_alternative<wire::StatsRequest>(request)) {
      answer(id, wire::Stats{id, {}, {}}, says);
    } else if (std::holds_alternative<wire::Check>(request)) {
      answer(id, wire::Checked{id, true, 1, ""}, says);
    } else {
      answer(id, wire::EchoResult{id, {}}, says);
    }
    return says;
  }

  /// How often each request was begun; more than once is a doubled run.
  const std::map<RequestId, int>& begun() const { return begun_; }

 private:
  void handle(const wire::Welcome& welcome, std::vector<wire::PageMessage>& says) {
    const std::set<RequestId> open(welcome.open.begin(), welcome.open.end());
    std::erase_if(kept_, [&](const auto& entry) { return !open.contains(entry.first); });
    for (const auto& [id, message] : kept_) says.push_back(message);
  }
  void handle(const wire::Cancel& cancel, std::vector<wire::PageMessage>& says) {
    const auto found = working_.find(cancel.id);
    if (found == working_.end()) return;
    if (!std::holds_alternative<wire::Run>(found->second) &&
        !std::holds_alternative<wire::Load>(found->second)) {
      return;
    }
    answer(cancel.id, failureOf(cancel.id, ErrorCategory::Cancelled), says);
  }
  void handle(const wire::Ping& ping, std::vector<wire::PageMessage>& says) {
    says.push_back(wire::Pong{ping.id});
  }
  void handle(const wire::Close&, std::vector<wire::PageMessage>&) {}
  void handle(const wire::Peers&, std::vector<wire::PageMessage>&) {}
  void handle(const wire::Signal&, std::vector<wire::PageMessage>&) {}
  template <class M>
  void handle(const M& request, std::vector<wire::PageMessage>&) {
    const bool isKept =
        std::ranges::any_of(kept_, [&](const auto& entry) { return entry.first == request.id; });
    if (working_.contains(request.id) || isKept) return;
    ++begun_[request.id];
    working_.emplace(request.id, request);
    order_.push_back(request.id);
  }

  void answer(RequestId id, wire::PageMessage message, std::vector<wire::PageMessage>& says) {
    working_.erase(id);
    std::erase(order_, id);
    says.push_back(message);
    kept_.emplace_back(id, std::move(message));
  }
  void forget(RequestId id) {
    std::erase_if(kept_, [&](const auto& entry) { return entry.first == id; });
  }

  std::map<RequestId, wire::PoolMessage> working_;
  std::vector<RequestId> order_;  ///< of what it works on
  std::vector<std::pair<RequestId, wire::PageMessage>> kept_;
  std::map<RequestId, int> begun_;
};

}  // namespace webpool::session::testing
