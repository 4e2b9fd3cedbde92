// Which piece of a content is asked for where, when several sources may have it: each source gets
// as many requests at a time as fill its line, quick ones more than slow ones; a piece that is late
// at one source is asked for a second time at another, and the first right answer counts. A source
// that sends something else than it was asked for is dropped and named. Pure: pieces have numbers,
// what is in them is the caller's business, who also checks each against its hash.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "fetch/host_scores.h"
#include "webpool/error.h"

namespace webpool::fetch {

using PieceId = std::uint64_t;
using SourceId = std::size_t;
using RequestId = std::uint64_t;

struct StripeOptions {
  unsigned mostRequests = 32;  ///< at a time, over all sources
  unsigned mostAttempts = 6;   ///< of one piece at one source
  unsigned mostFailures = 6;   ///< of a source, one after another
  unsigned mostMissing = 16;   ///< pieces that a source which gave none has not got
  Duration firstWait = std::chrono::milliseconds(500);  ///< after a failure; doubles
  Duration longestWait = std::chrono::seconds(20);
  /// Without a byte, after which a source is stuck.
  Duration stuckAfter = std::chrono::seconds(5);
  Duration longestAsked = std::chrono::minutes(2);  ///< that a source may ask to be left alone
};

struct Source {
  std::string name;  ///< as a person knows it
  std::string host;  ///< under which its measurements are kept
  /// A source is asked for what no source of a lower rank may have, and for what those of lower
  /// ranks are stuck with.
  unsigned rank = 0;
  unsigned mostRequests = 16;  ///< at a time
};

/// Ask that source for that piece.
struct Ask {
  RequestId request = 0;
  SourceId source = 0;
  PieceId piece = 0;
};

/// The answer is not needed any more; nothing need be told of it.
struct GiveUp {
  RequestId request = 0;
};

using Action = std::variant<Ask, GiveUp>;

struct SourceReport {
  Source source;
  std::uint64_t bytes = 0;  ///< that were right and came first
  std::uint64_t pieces = 0;
  bool dropped = false;
  bool lied = false;
  std::optional<Error> error;  ///< the last one
};

/// Not thread-safe. `scores` outlives it. What is told of a request that was given up, or ended, is
/// not heard.
class StripedFetch {
 public:
  explicit StripedFetch(HostScores& scores, StripeOptions options = {})
      : scores_(scores), options_(options) {}

  SourceId addSource(Source source);
  /// While this is so, a piece that no source can give waits instead of being a failure.
  void setMoreSourcesMayCome(bool may);

  /// `bytes`: as far as is known. A piece that is or was there already is not added again.
  void addPiece(PieceId piece, std::uint64_t bytes);

  void connected(RequestId request, Duration took, TimePoint now);
  /// So many bytes of the answer are there; 0: its head.
  void progressed(RequestId request, std::uint64_t bytes, TimePoint now);
  /// All of it is there, and right.
  void arrived(RequestId request, std::uint64_t bytes, TimePoint now);
  /// It is not what was asked for: the source is dropped.
  void lied(RequestId request, Error error, TimePoint now);
  /// The source has not got it.
  void missing(RequestId request, Error error, TimePoint now);
  /// It may go right another time; `wait`: as the source asks for.
  void failed(RequestId request, Error error, std::optional<Duration> wait, TimePoint now);

  /// What is to be done now. To be called after everything that was told, and at wakeAt().
  std::vector<Action> poll(TimePoint now);
  /// When poll() may have something new although nothing happens.
  std::optional<TimePoint> wakeAt(TimePoint now) const;

  /// No piece is waited for.
  bool isDone() const noexcept { return pieces_.empty(); }
  /// Once a piece can't be had: Integrity where all that came was wrong, NotFound where nobody has
  /// it, else what went wrong; names each source's reason. Nothing is asked for any more.
  const std::optional<Error>& failure() const noexcept { return failure_; }
  /// Which piece that is.
  std::optional<PieceId> failedPiece() const noexcept { return failedPiece_; }

  std::vector<SourceReport> reports() const;
  std::size_t requests() const noexcept { return requests_.size(); }
  /// Its answer is still waited for.
  bool isAsked(RequestId request) const { return requests_.contains(request); }

 private:
  struct SourceState {
    SourceReport report;
    unsigned requests = 0;
    std::uint64_t bytesAsked = 0;  ///< of its requests
    unsigned failures = 0;         ///< one after another
    unsigned missing = 0;
    TimePoint waitUntil{};
    TimePoint lastFailure{};
    TimePoint lastArrival{};
    bool failedOnce = false;
  };
  struct AtSource {
    unsigned attempts = 0;
    bool missing = false;
    std::optional<Error> error;
  };
  struct Piece {
    std::uint64_t bytes = 0;
    std::set<RequestId> requests;
    std::map<SourceId, AtSource> tried;  ///< where it went wrong
  };
  struct Request {
    SourceId source = 0;
    PieceId piece = 0;
    TimePoint started{};
    TimePoint expectedEnd{};
    Duration connect{};
    std::optional<TimePoint> firstByte = {};
    TimePoint lastByte{};  ///< or when it was asked
    std::uint64_t bytes = 0;
  };
  struct Choice {
    SourceId source = 0;
    PieceId piece = 0;
  };

  /// It is alive, and did not fail too often at this piece.
  bool mayHave(SourceId source, const Piece& piece) const;
  bool hasRoom(SourceId source, std::uint64_t bytes, TimePoint now) const;
  bool isLate(SourceId source, TimePoint now) const;
  /// When all that are asked for it have kept it too long without a byte.
  TimePoint stuckAt(const Piece& piece) const;
  /// A source of a lower rank may have it.
  bool isReserved(SourceId source, const Piece& piece) const;
  /// Another source has all that is open sooner than this one has this piece.
  bool isBetterLeft(SourceId source, const Piece& piece, TimePoint now) const;
  /// Until it has so many bytes more than it is asked for now.
  Duration timeFor(SourceId source, std::uint64_t bytes, TimePoint now) const;
  Duration leastRemaining(const Piece& piece, TimePoint now) const;

  std::optional<PieceId> openPieceFor(SourceId source, TimePoint now) const;
  std::optional<PieceId> latePieceFor(SourceId source, TimePoint now) const;
  std::optional<Choice> chooseOpen(TimePoint now) const;
  std::optional<Choice> chooseLate(TimePoint now) const;
  void ask(Choice choice, TimePoint now);
  /// Takes the request out of the books; none where it is not in them any more.
  std::optional<Request> end(RequestId request);
  void measure(const Request& request, std::uint64_t bytes, TimePoint now);
  void overtaken(RequestId request, TimePoint now);
  void drop(SourceId source, Error error);
  void findFailure();
  Error errorFor(const Piece& piece) const;

  HostScores& scores_;
  StripeOptions options_;
  std::vector<SourceState> sources_;
  std::map<PieceId, Piece> pieces_;  ///< that are not there yet
  std::set<PieceId> open_;           ///< of them, those that nobody is asked for
  std::uint64_t openBytes_ = 0;
  std::set<PieceId> done_;
  std::map<RequestId, Request> requests_;
  RequestId nextRequest_ = 1;
  std::vector<Action> actions_;
  bool moreMayCome_ = false;
  std::vector<PieceId> suspects_;  ///< pieces that may have lost their last source
  bool allSuspect_ = false;
  std::optional<Error> failure_;
  std::optional<PieceId> failedPiece_;
};

}  // namespace webpool::fetch
