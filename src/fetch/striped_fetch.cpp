#include "fetch/striped_fetch.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace webpool::fetch {
namespace {

/// A second request has to promise more than this share of what the first one still takes.
constexpr double kWorthwhile = 1.2;
constexpr Duration kWorthAsking = std::chrono::milliseconds(30);
/// Beside a source's own delay: what passes here between an answer and the next request.
constexpr double kTurnSeconds = 0.03;
/// A source that lacks the first pieces is looked at no further for one that it has.
constexpr std::size_t kMostLookedAt = 256;
/// From here on a request's own rate tells when it ends.
constexpr std::uint64_t kTellingBytes = 64u << 10;

double secondsOf(Duration span) {
  return std::chrono::duration<double>(span).count();
}

Duration scaled(Duration span, double factor) {
  constexpr double kLongest = 1e18;
  return Duration(static_cast<std::int64_t>(std::min(double(span.count()) * factor, kLongest)));
}

/// An overdue request is taken to need as long again as it had.
Duration remainingOf(TimePoint started, TimePoint expectedEnd, TimePoint now) {
  return now < expectedEnd ? expectedEnd - now : now - started;
}

}  // namespace

SourceId StripedFetch::addSource(Source source) {
  sources_.push_back({});
  sources_.back().report.source = std::move(source);
  return sources_.size() - 1;
}

void StripedFetch::setMoreSourcesMayCome(bool may) {
  moreMayCome_ = may;
  allSuspect_ = true;
}

void StripedFetch::addPiece(PieceId piece, std::uint64_t bytes) {
  if (done_.contains(piece) || pieces_.contains(piece)) return;
  pieces_[piece].bytes = bytes;
  open_.insert(piece);
  openBytes_ += bytes;
  suspects_.push_back(piece);
}

bool StripedFetch::mayHave(SourceId source, const Piece& piece) const {
  if (sources_[source].report.dropped) return false;
  const auto tried = piece.tried.find(source);
  return tried == piece.tried.end() ||
         (!tried->second.missing && tried->second.attempts < options_.mostAttempts);
}

bool StripedFetch::hasRoom(SourceId id, std::uint64_t bytes, TimePoint now) const {
  const auto& source = sources_[id];
  if (source.report.dropped || now < source.waitUntil) return false;
  if (requests_.size() >= options_.mostRequests) return false;
  // One that has shown nothing but gaps is not asked for much at a time.
  if (source.missing > 0 && source.report.pieces == 0) return source.requests == 0;
  const auto known = scores_.of(source.report.source.host, now);
  // Twice what the line holds, since answers tend to end together.
  const auto inDelay = 2 * known.bytesPerSecond * (secondsOf(known.firstByte) + kTurnSeconds);
  const auto window = 1 + std::ceil(inDelay / double(std::max<std::uint64_t>(bytes, 1)));
  return source.requests < std::min(window, double(source.report.source.mostRequests));
}

bool StripedFetch::isLate(SourceId source, TimePoint now) const {
  return std::ranges::any_of(requests_, [&](const auto& entry) {
    return entry.second.source == source && now > entry.second.expectedEnd;
  });
}

TimePoint StripedFetch::stuckAt(const Piece& piece) const {
  TimePoint latest{};
  for (const auto id : piece.requests) {
    const auto& request = requests_.at(id);
    latest = std::max({latest, request.expectedEnd, request.lastByte + options_.stuckAfter});
  }
  return latest;
}

bool StripedFetch::isReserved(SourceId source, const Piece& piece) const {
  for (SourceId other = 0; other < sources_.size(); ++other) {
    if (sources_[other].report.source.rank < sources_[source].report.source.rank &&
        mayHave(other, piece)) {
      return true;
    }
  }
  return false;
}

Duration StripedFetch::timeFor(SourceId id, std::uint64_t bytes, TimePoint now) const {
  const auto& source = sources_[id];
  return scores_.of(source.report.source.host, now).timeFor(source.bytesAsked + bytes);
}

bool StripedFetch::isBetterLeft(SourceId source, const Piece& piece, TimePoint now) const {
  const auto own = timeFor(source, piece.bytes, now);
  for (SourceId other = 0; other < sources_.size(); ++other) {
    if (other == source || !mayHave(other, piece) || now < sources_[other].waitUntil) continue;
    if (sources_[other].report.source.rank > sources_[source].report.source.rank) continue;
    if (timeFor(other, openBytes_, now) < own && !isLate(other, now)) return true;
  }
  return false;
}

Duration StripedFetch::leastRemaining(const Piece& piece, TimePoint now) const {
  auto least = Duration::max();
  for (const auto id : piece.requests) {
    const auto& request = requests_.at(id);
    least = std::min(least, remainingOf(request.started, request.expectedEnd, now));
  }
  return least;
}

std::optional<PieceId> StripedFetch::openPieceFor(SourceId source, TimePoint now) const {
  std::size_t looked = 0;
  for (const auto id : open_) {
    if (++looked > kMostLookedAt) break;
    const auto& piece = pieces_.at(id);
    if (!mayHave(source, piece) || isReserved(source, piece)) continue;
    if (!hasRoom(source, piece.bytes, now) || isBetterLeft(source, piece, now)) {
      return std::nullopt;
    }
    return id;
  }
  return std::nullopt;
}

std::optional<StripedFetch::Choice> StripedFetch::chooseOpen(TimePoint now) const {
  std::optional<Choice> best;
  auto least = Duration::max();
  for (SourceId source = 0; source < sources_.size(); ++source) {
    if (!hasRoom(source, 1, now)) continue;
    const auto piece = openPieceFor(source, now);
    if (!piece) continue;
    const auto time = timeFor(source, pieces_.at(*piece).bytes, now);
    if (best && time >= least) continue;
    best = Choice{source, *piece};
    least = time;
  }
  return best;
}

std::optional<PieceId> StripedFetch::latePieceFor(SourceId source, TimePoint now) const {
  std::optional<PieceId> latest;
  auto most = Duration::zero();
  for (const auto& [id, request] : requests_) {
    const auto& piece = pieces_.at(request.piece);
    const bool asked = std::ranges::any_of(
        piece.requests, [&](RequestId other) { return requests_.at(other).source == source; });
    if (asked || !mayHave(source, piece) || !hasRoom(source, piece.bytes, now)) continue;
    // Slow is no reason to ask others for what these have: they are a last resort.
    if (isReserved(source, piece) && now <= stuckAt(piece)) continue;
    const auto remaining = leastRemaining(piece, now);
    const auto own = scaled(timeFor(source, piece.bytes, now), kWorthwhile) + kWorthAsking;
    if (remaining <= std::max(own, most)) continue;
    most = remaining;
    latest = request.piece;
  }
  return latest;
}

std::optional<StripedFetch::Choice> StripedFetch::chooseLate(TimePoint now) const {
  std::optional<Choice> best;
  auto least = Duration::max();
  for (SourceId source = 0; source < sources_.size(); ++source) {
    if (!hasRoom(source, 1, now)) continue;
    const auto piece = latePieceFor(source, now);
    if (!piece) continue;
    const auto time = timeFor(source, pieces_.at(*piece).bytes, now);
    if (best && time >= least) continue;
    best = Choice{source, *piece};
    least = time;
  }
  return best;
}

void StripedFetch::ask(Choice choice, TimePoint now) {
  auto& piece = pieces_.at(choice.piece);
  auto& source = sources_[choice.source];
  const auto id = nextRequest_++;
  const auto end = now + timeFor(choice.source, piece.bytes, now);
  requests_[id] = {.source = choice.source,
                   .piece = choice.piece,
                   .started = now,
                   .expectedEnd = end,
                   .lastByte = now};
  piece.requests.insert(id);
  source.requests += 1;
  source.bytesAsked += piece.bytes;
  if (open_.erase(choice.piece) > 0) openBytes_ -= piece.bytes;
  actions_.emplace_back(Ask{id, choice.source, choice.piece});
}

std::optional<StripedFetch::Request> StripedFetch::end(RequestId id) {
  const auto found = requests_.find(id);
  if (found == requests_.end()) return std::nullopt;
  const auto request = found->second;
  requests_.erase(found);
  auto& piece = pieces_.at(request.piece);
  auto& source = sources_[request.source];
  source.requests -= 1;
  source.bytesAsked -= piece.bytes;
  piece.requests.erase(id);
  if (piece.requests.empty()) {
    open_.insert(request.piece);
    openBytes_ += piece.bytes;
    suspects_.push_back(request.piece);
  }
  return request;
}

void StripedFetch::connected(RequestId id, Duration took, TimePoint now) {
  const auto found = requests_.find(id);
  if (found == requests_.end()) return;
  found->second.connect = took;
  scores_.connected(sources_[found->second.source].report.source.host, took, now);
}

void StripedFetch::progressed(RequestId id, std::uint64_t bytes, TimePoint now) {
  const auto found = requests_.find(id);
  if (found == requests_.end()) return;
  auto& request = found->second;
  if (!request.firstByte) {
    request.firstByte = now;
    const auto took = std::max(now - request.started - request.connect, Duration::zero());
    scores_.firstByte(sources_[request.source].report.source.host, took, now);
  }
  if (bytes > request.bytes) request.lastByte = now;
  request.bytes = bytes;
  const auto size = pieces_.at(request.piece).bytes;
  if (bytes < kTellingBytes || bytes >= size) return;
  const auto left = double(size - bytes) / double(bytes);
  request.expectedEnd = now + scaled(now - *request.firstByte, left);
}

void StripedFetch::measure(const Request& request, std::uint64_t bytes, TimePoint now) {
  auto& source = sources_[request.source];
  // What came before the last answer was complete is in that one's time already.
  const auto since = std::max(source.lastArrival, request.firstByte.value_or(request.started));
  scores_.moved(source.report.source.host, bytes, now - std::min(since, now), now);
  source.lastArrival = now;
}

/// Another source was first.
void StripedFetch::overtaken(RequestId id, TimePoint now) {
  const auto request = end(id);
  if (!request) return;
  const auto& host = sources_[request->source].report.source.host;
  if (!request->firstByte) scores_.firstByte(host, now - request->started, now);
  measure(*request, request->bytes, now);
  actions_.emplace_back(GiveUp{id});
}

void StripedFetch::arrived(RequestId id, std::uint64_t bytes, TimePoint now) {
  progressed(id, bytes, now);
  const auto request = end(id);
  if (!request) return;
  auto& source = sources_[request->source];
  measure(*request, bytes, now);
  scores_.answered(source.report.source.host, true, now);
  source.report.bytes += bytes;
  source.report.pieces += 1;
  source.failures = 0;
  const auto others = pieces_.at(request->piece).requests;
  for (const auto other : others) overtaken(other, now);
  if (open_.erase(request->piece) > 0) openBytes_ -= pieces_.at(request->piece).bytes;
  pieces_.erase(request->piece);
  done_.insert(request->piece);
}

void StripedFetch::drop(SourceId source, Error error) {
  auto& report = sources_[source].report;
  report.dropped = true;
  report.error = std::move(error);
  allSuspect_ = true;
  std::vector<RequestId> its;
  for (const auto& [id, request] : requests_) {
    if (request.source == source) its.push_back(id);
  }
  for (const auto id : its) {
    end(id);
    actions_.emplace_back(GiveUp{id});
  }
}

void StripedFetch::lied(RequestId id, Error error, TimePoint now) {
  const auto request = end(id);
  if (!request) return;
  auto& report = sources_[request->source].report;
  report.lied = true;
  scores_.answered(report.source.host, false, now);
  drop(request->source, std::move(error));
}

void StripedFetch::missing(RequestId id, Error error, TimePoint now) {
  const auto request = end(id);
  if (!request) return;
  auto& source = sources_[request->source];
  auto& tried = pieces_.at(request->piece).tried[request->source];
  if (!request->firstByte) {
    const auto took = std::max(now - request->started - request->connect, Duration::zero());
    scores_.firstByte(source.report.source.host, took, now);
  }
  tried.missing = true;
  tried.error = error;
  source.report.error = error;
  source.missing += 1;
  if (source.report.pieces == 0 && source.missing >= options_.mostMissing) {
    drop(request->source, std::move(error));
  }
}

void StripedFetch::failed(RequestId id, Error error, std::optional<Duration> wait, TimePoint now) {
  const auto request = end(id);
  if (!request) return;
  auto& source = sources_[request->source];
  auto& tried = pieces_.at(request->piece).tried[request->source];
  scores_.answered(source.report.source.host, false, now);
  tried.attempts += 1;
  tried.error = error;
  source.report.error = error;
  // Requests that were under way together fail together, which tells no more than one of them.
  if (!source.failedOnce || request->started > source.lastFailure) source.failures += 1;
  source.failedOnce = true;
  source.lastFailure = now;
  const bool asksTooMuch = wait && *wait > options_.longestAsked;
  if (source.failures >= options_.mostFailures || asksTooMuch) {
    drop(request->source, std::move(error));
    return;
  }
  const auto doubled = scaled(options_.firstWait, std::exp2(double(source.failures) - 1));
  source.waitUntil =
      std::max(source.waitUntil, now + wait.value_or(std::min(doubled, options_.longestWait)));
}

Error StripedFetch::errorFor(const Piece& piece) const {
  if (sources_.empty()) return {ErrorCategory::NotFound, "no source is known", {}};
  std::string reasons;
  bool lied = false;
  std::optional<Error> other;
  for (SourceId id = 0; id < sources_.size(); ++id) {
    const auto& report = sources_[id].report;
    const auto tried = piece.tried.find(id);
    const auto* error = tried != piece.tried.end() && tried->second.error ? &*tried->second.error
                        : report.error                                    ? &*report.error
                                                                          : nullptr;
    if (report.dropped && report.error) error = &*report.error;
    if (error == nullptr) continue;
    lied = lied || report.lied;
    if (!other && error->category != ErrorCategory::NotFound) other = *error;
    reasons +=
        fmt::format("{}{}: {}", reasons.empty() ? "" : "; ", report.source.name, error->message);
  }
  if (lied) {
    return {ErrorCategory::Integrity, std::move(reasons),
            "nothing that was wrong was stored; give other sources"};
  }
  if (other) return {other->category, std::move(reasons), other->hint};
  return {ErrorCategory::NotFound, std::move(reasons), "give a source that has it"};
}

void StripedFetch::findFailure() {
  if (moreMayCome_) {
    suspects_.clear();  // all are looked at once no more can come
    return;
  }
  const auto isLost = [&](PieceId id) {
    const auto found = pieces_.find(id);
    if (found == pieces_.end() || !found->second.requests.empty()) return false;
    for (SourceId source = 0; source < sources_.size(); ++source) {
      if (mayHave(source, found->second)) return false;
    }
    return true;
  };
  std::optional<PieceId> lost;
  if (allSuspect_) {
    const auto found = std::ranges::find_if(open_, isLost);
    if (found != open_.end()) lost = *found;
  } else {
    const auto found = std::ranges::find_if(suspects_, isLost);
    if (found != suspects_.end()) lost = *found;
  }
  suspects_.clear();
  allSuspect_ = false;
  if (!lost) return;
  failedPiece_ = lost;
  failure_ = errorFor(pieces_.at(*lost));
  while (!requests_.empty()) {
    const auto id = requests_.begin()->first;
    end(id);
    actions_.emplace_back(GiveUp{id});
  }
}

std::vector<Action> StripedFetch::poll(TimePoint now) {
  if (!failure_) findFailure();
  if (!failure_) {
    while (const auto choice = chooseOpen(now)) ask(*choice, now);
    while (const auto choice = chooseLate(now)) ask(*choice, now);
  }
  return std::exchange(actions_, {});
}

std::optional<TimePoint> StripedFetch::wakeAt(TimePoint now) const {
  if (failure_ || pieces_.empty()) return std::nullopt;
  std::optional<TimePoint> first;
  const auto consider = [&](TimePoint at) {
    if (at > now && (!first || at < *first)) first = at;
  };
  for (const auto& source : sources_) {
    if (!source.report.dropped) consider(source.waitUntil);
  }
  for (const auto& [id, request] : requests_) {
    consider(request.expectedEnd + Duration(1));
    // When a source that has room would be asked for it as well.
    for (SourceId source = 0; source < sources_.size(); ++source) {
      if (source == request.source || !hasRoom(source, 1, now)) continue;
      const auto own = timeFor(source, pieces_.at(request.piece).bytes, now);
      const auto worth = request.started + scaled(own, kWorthwhile) + kWorthAsking + Duration(1);
      consider(std::max(worth, request.expectedEnd + Duration(1)));
      const auto& piece = pieces_.at(request.piece);
      if (isReserved(source, piece)) consider(stuckAt(piece) + Duration(1));
    }
  }
  return first;
}

std::vector<SourceReport> StripedFetch::reports() const {
  std::vector<SourceReport> reports;
  for (const auto& source : sources_) reports.push_back(source.report);
  return reports;
}

}  // namespace webpool::fetch
