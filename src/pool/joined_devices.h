// The devices that join a pool: its desk, a connection for each device, and the models that they
// are shown and may fetch.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "pool/join_desk.h"
#include "pool/joined_connection.h"
#include "pool/model_source.h"
#include "webpool/pool.h"

namespace webpool::pool {

/// On the loop thread, or while the loop does not run.
class JoinedDevices {
 public:
  using Ref = std::shared_ptr<JoinedConnection>;

  /// All of it outlives the object.
  struct Site {
    ConnectionSite& common;
    const store::ContentStore& content;
    const net::EmbeddedFiles& page;
    std::function<std::uint64_t()> nextId;       ///< for a connection
    std::function<void(const Ref&)> came;        ///< it may be given models
    std::function<void(const Ref&)> left;        ///< for ever
    std::function<void(const JoinEvent&)> tell;  ///< the program; may be null
  };

  /// Errors of JoinDesk::open().
  static Result<std::unique_ptr<JoinedDevices>> open(const Site& site, DeskOptions options);

  Invitation invitation() const { return {desk_->link(), desk_->fingerprint()}; }

  /// Visitors are told of the model, and devices may fetch it, until unshare() was called as often.
  Result<void> share(const ResolvedModel& model);
  void unshare(const ResolvedModel& model);

  /// What is open gets `error`; `done` is called once the pages know that it is over.
  void close(const Error& error, std::function<void()> done);

 private:
  struct Shared {
    SharedModel model;
    unsigned times = 0;
  };

  explicit JoinedDevices(const Site& site) : site_(site) {}
  void onJoined(const JoinedDevice& device);
  void onLeft(const JoinedDevice& device, const std::string& why, bool dismissed);
  Ref find(const JoinedDevice& device) const;
  void tell(JoinEvent::Kind kind, const JoinedDevice& device, std::string why = {}) const;
  Result<void> share();

  Site site_;
  std::map<std::string, Ref> devices_;    ///< by label
  std::map<std::string, Shared> shared_;  ///< by CID and dtype
  std::unique_ptr<JoinDesk> desk_;        ///< first to go
};

}  // namespace webpool::pool
