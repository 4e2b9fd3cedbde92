// The store as a server gives it to others: the IPFS gateway over it, and the scrub that looks for
// rot meanwhile, and has it mended out of the sources of the settings.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "api/front.h"
#include "api/gateway/routing.h"
#include "cli/app.h"
#include "cli/scrub_flags.h"
#include "cli/serve_output.h"
#include "store/background_scrub.h"
#include "store/content_store.h"

namespace webpool::cli {

/// Destroyed after the front that it was added to.
class ServedContent {
 public:
  /// Opens the store and begins to scrub. What a round found damaged is fetched anew after it.
  /// `output` is told of both, and of what could not be read for a client; it and the context must
  /// outlive this.
  static Result<std::unique_ptr<ServedContent>> open(const Context& context,
                                                     const ScrubFlags& scrub,
                                                     const SourceFlags& sources,
                                                     ServeOutput& output);
  ~ServedContent();
  ServedContent(const ServedContent&) = delete;
  ServedContent& operator=(const ServedContent&) = delete;

  /// The gateway and the server of HTTP routing. `hosts`: where others reach the front. `open`: no
  /// token is asked for.
  void addTo(api::Front& front, std::vector<std::string> hosts, bool open) const;

  const store::ContentStore& store() const { return *store_; }
  const std::string& peerId() const { return peerId_; }
  std::vector<api::Gauge> gauges() const;

 private:
  ServedContent(std::unique_ptr<store::ContentStore> store, std::string peerId,
                ServeOutput& output);

  std::unique_ptr<store::ContentStore> store_;
  std::string peerId_;
  ServeOutput& output_;
  std::stop_source ending_;
  std::unique_ptr<store::BackgroundScrub> scrub_;
};

/// The port of "http://host:port".
std::uint16_t portOfOrigin(const std::string& origin);

}  // namespace webpool::cli
