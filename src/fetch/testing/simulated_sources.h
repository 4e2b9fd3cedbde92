// A simulation: sources that share out their rate among the requests at them, in a time that only
// passes when the simulation says so. No byte is sent. For tests only.
#pragma once

#include <algorithm>
#include <map>
#include <random>
#include <vector>

#include "fetch/striped_fetch.h"

namespace webpool::fetch {

struct SimulatedSource {
  double bytesPerSecond = 1e6;
  Duration delay = std::chrono::milliseconds(20);
  double fails = 0;        ///< share of the answers that break off at once
  double lies = 0;         ///< share of the answers that are wrong
  double lacks = 0;        ///< share of the pieces that it has not got
  double silent = 0;       ///< share of the requests that it never answers
  double stuckFrom = 1e9;  ///< seconds from which on it sends nothing more
};

class SimulatedTransfer {
 public:
  SimulatedTransfer(std::vector<SimulatedSource> sources, unsigned seed, StripeOptions options = {},
                    Duration stall = std::chrono::seconds(20))
      : sources_(std::move(sources)), random_(seed), stall_(stall), fetch(scores, options) {
    for (std::size_t i = 0; i < sources_.size(); ++i) {
      const auto name = "simulated " + std::to_string(i);
      fetch.addSource({.name = name, .host = name});
    }
  }

  void addPieces(unsigned count, std::uint64_t bytes) {
    for (unsigned i = 0; i < count; ++i) {
      fetch.addPiece(i, bytes);
      sizes_[i] = bytes;
    }
  }

  /// Until all is there or nothing can be; the simulated seconds that passed.
  double run(double most = 1e5) {
    while (!fetch.isDone() && !fetch.failure() && seconds() < most) {
      act();
      advance();
    }
    return seconds();
  }

  double seconds() const { return std::chrono::duration<double>(now_.time_since_epoch()).count(); }

 private:
  enum class Fate { Right, Fails, Lies, Lacks, Silent };
  struct Request {
    SourceId source = 0;
    PieceId piece = 0;
    Fate fate = Fate::Right;
    TimePoint answers{};
    TimePoint lastHeard{};
    double left = 0;
    double size = 0;
    bool begun = false;
  };

  bool chance(double share) { return std::uniform_real_distribution<>(0, 1)(random_) < share; }

  void act() {
    for (const auto& action : fetch.poll(now_)) {
      if (const auto* over = std::get_if<GiveUp>(&action)) {
        requests_.erase(over->request);
        continue;
      }
      const auto& ask = std::get<Ask>(action);
      const auto& source = sources_[ask.source];
      const std::hash<std::string> hash;
      const auto place = hash(std::to_string(ask.source) + "/" + std::to_string(ask.piece));
      const bool lacks = double(place % 1000) < source.lacks * 1000;
      const auto fate = lacks                   ? Fate::Lacks
                        : chance(source.silent) ? Fate::Silent
                        : chance(source.fails)  ? Fate::Fails
                        : chance(source.lies)   ? Fate::Lies
                                                : Fate::Right;
      const auto size = double(sizes_[ask.piece]);
      requests_[ask.request] = {ask.source, ask.piece, fate, now_ + source.delay,
                                now_,       size,      size, false};
      asked.push_back(ask);
    }
  }

  bool flows(const Request& request) const {
    return request.begun && seconds() < sources_[request.source].stuckFrom;
  }

  double rateOf(const Request& request) const {
    const auto sharing = std::ranges::count_if(requests_, [&](const auto& other) {
      return other.second.source == request.source && flows(other.second);
    });
    return sources_[request.source].bytesPerSecond / double(sharing);
  }

  void advance() {
    constexpr double kNever = 1e12;
    double step = kNever;
    const auto until = [&](TimePoint at) {
      return std::max(std::chrono::duration<double>(at - now_).count(), 1e-9);
    };
    if (const auto wake = fetch.wakeAt(now_)) step = until(*wake);
    std::map<RequestId, double> rates;
    for (const auto& [id, request] : requests_) {
      step = std::min(step, until(request.lastHeard + stall_));
      if (!request.begun && request.fate != Fate::Silent) {
        step = std::min(step, until(request.answers));
      }
      if (!flows(request)) continue;
      rates[id] = rateOf(request);
      step = std::min(step, std::max(request.left / rates[id], 1e-9));
    }
    if (step == kNever) step = 1;
    now_ += std::chrono::duration_cast<Duration>(std::chrono::duration<double>(step)) + Duration(1);
    std::vector<RequestId> ids;
    for (auto& [id, request] : requests_) {
      ids.push_back(id);
      if (const auto rate = rates.find(id); rate != rates.end()) {
        request.left -= rate->second * step;
        request.lastHeard = now_;
      }
    }
    for (const auto id : ids) tell(id);
  }

  void tell(RequestId id) {
    auto& request = requests_.at(id);
    const Error error{ErrorCategory::Fetch, "simulated trouble", {}};
    if (now_ >= request.lastHeard + stall_) {
      fetch.failed(id, error, std::nullopt, now_);
    } else if (!request.begun && (now_ < request.answers || request.fate == Fate::Silent)) {
      return;
    } else if (request.fate == Fate::Fails) {
      fetch.failed(id, error, std::nullopt, now_);
    } else if (request.fate == Fate::Lacks) {
      fetch.missing(id, {ErrorCategory::NotFound, "simulated gap", {}}, now_);
    } else if (request.left > 1e-6) {
      request.begun = true;
      fetch.progressed(id, static_cast<std::uint64_t>(request.size - request.left), now_);
      return;
    } else if (request.fate == Fate::Lies) {
      liars.insert(request.source);
      fetch.lied(id, {ErrorCategory::Integrity, "simulated lie", {}}, now_);
    } else {
      fetch.arrived(id, static_cast<std::uint64_t>(request.size), now_);
    }
    requests_.erase(id);
  }

  std::vector<SimulatedSource> sources_;
  std::mt19937 random_;
  Duration stall_;
  TimePoint now_{};
  std::map<PieceId, std::uint64_t> sizes_;
  std::map<RequestId, Request> requests_;

 public:
  HostScores scores;
  StripedFetch fetch;
  std::vector<Ask> asked;
  std::set<SourceId> liars;
};

}  // namespace webpool::fetch
