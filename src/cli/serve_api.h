// The server of `webpool serve` that programs call, with the models that it answers for.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/front.h"
#include "api/native/routes.h"
#include "api/served_models.h"
#include "cli/serve_models.h"
#include "cli/serve_output.h"
#include "cli/served_content.h"
#include "webpool/pool.h"

namespace webpool::pool {
class ModelSource;
}

namespace webpool::cli {

struct ApiFlags {
  bool off = false;
  std::string host = "127.0.0.1";
  std::optional<std::uint16_t> port{};  ///< 0: any free one; unset: 8080, or one where it is taken
  std::filesystem::path tokenFile;      ///< whose text clients send as a bearer token
  std::string token;                    ///< or that itself; never both
  std::size_t maxConnections = 0;       ///< 0: as many as files may be open
  std::uint64_t maxBody = 64ull << 20;  ///< bytes
  double headTimeout = 10;              ///< seconds, as all below
  double bodyTimeout = 30;              ///< beside what a body's length adds
  double idleTimeout = 60;
  double shutdownGrace = 10;
  bool noGateway = false;
  bool publicGateway = false;  ///< without the token, and for pages of every origin
};

/// How often the pool decided on more workers, and on fewer. Any thread.
struct ScalingCounts {
  std::atomic<std::uint64_t> up{0};
  std::atomic<std::uint64_t> down{0};

  void count(const ScalingEvent& event) { ++(event.action == "add" ? up : down); }
};

/// Made before the pool's models are loaded, destroyed before the pool. Any thread but the loops'.
class ServeApi {
 public:
  /// Listens. `models`: those that are loaded at the start; others are those of `dataFolder` and of
  /// the catalogue. InvalidArgument for a host beyond loopback without a token. `content` and
  /// `scalings` must outlive it.
  static Result<std::unique_ptr<ServeApi>> open(const ApiFlags& flags, ResourcePool& pool,
                                                const std::filesystem::path& dataFolder,
                                                const std::vector<std::string>& models,
                                                const ServedContent& content,
                                                const ScalingCounts& scalings, ServeOutput& output);
  ~ServeApi();
  ServeApi(const ServeApi&) = delete;
  ServeApi& operator=(const ServeApi&) = delete;

  std::string origin() const { return front_->origin(); }
  /// Tells where programs call, and what.
  void greet(ServeOutput& output) const;
  void add(const std::string& name, const Model& model) { models_->add(name, model); }
  void failed(const std::string& name, const Error& error) { models_->failed(name, error); }

  /// Takes no further requests and lets those in flight end, for the grace that they have.
  void drain();

 private:
  ServeApi(const ApiFlags& flags, ResourcePool& pool, std::unique_ptr<ServeModels> known,
           std::unique_ptr<api::Front> front);

  const ApiFlags flags_;
  ResourcePool& pool_;
  const std::unique_ptr<ServeModels> known_;
  std::unique_ptr<api::Front> front_;
  std::unique_ptr<api::native::NativeApi> native_;
  std::unique_ptr<api::ServedModels> models_;  ///< destroyed first: it fails who waits
};

}  // namespace webpool::cli
