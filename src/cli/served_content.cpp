#include "cli/served_content.h"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <charconv>
#include <utility>

#include "api/gateway/identity.h"
#include "api/gateway_routes.h"
#include "base/random.h"
#include "cli/byte_size.h"

namespace webpool::cli {
namespace {

store::BackgroundScrub::Options scrubOptions(const ScrubFlags& flags, ServeOutput& output) {
  return {.bytesPerSecond = flags.rate,
          .onDamage =
              [&output](const cid::Cid& cid, const Error& error) {
                output.line("damaged", {{"cid", cid.text()}, {"message", error.message}},
                            fmt::format("damaged, and not served any more: {}", error.describe()));
              },
          .onRound =
              [&output](const Result<store::ScrubReport>& report) {
                if (!report) {
                  return output.line("scrub_failed", {{"message", report.error().message}},
                                     "the scrub can't go on: " + report.error().describe());
                }
                output.event("scrubbed", {{"checked", report->checked},
                                          {"bytes", report->bytes},
                                          {"damaged", report->damaged.size()}});
              }};
}

}  // namespace

void ScrubFlags::addTo(CLI::App& command) {
  auto* speed = command.add_option("--scrub-rate", rate,
                                   "Hash what is stored again and again, so many bytes a second "
                                   "(default: 8MB), to find what rots");
  takeByteSize(*speed);
  command.add_flag("--no-scrub", off, "Don't")->excludes(speed);
}

ServedContent::ServedContent(std::unique_ptr<store::ContentStore> store, std::string peerId)
    : store_(std::move(store)), peerId_(std::move(peerId)) {}

Result<std::unique_ptr<ServedContent>> ServedContent::open(const std::filesystem::path& dataFolder,
                                                           const ScrubFlags& scrub,
                                                           ServeOutput& output) {
  auto store = store::ContentStore::open(dataFolder / "store", base::systemRandom());
  if (!store) return std::unexpected(store.error());
  auto peer = api::gateway::keptPeerId(dataFolder / "peer-key.pem");
  if (!peer) return std::unexpected(peer.error());
  std::unique_ptr<ServedContent> content(new ServedContent(std::move(*store), std::move(*peer)));
  if (!scrub.off) {
    content->scrub_ =
        std::make_unique<store::BackgroundScrub>(*content->store_, scrubOptions(scrub, output));
  }
  return content;
}

void ServedContent::addTo(api::Front& front, std::vector<std::string> hosts, bool open) const {
  api::addGateway(front, *store_,
                  {peerId_, api::gateway::httpMultiaddresses(hosts, portOfOrigin(front.origin()))},
                  open);
}

std::vector<api::Gauge> ServedContent::gauges() const {
  if (!scrub_) return {};
  const auto state = scrub_->state();
  return {{.name = "webpool_scrub_bytes_total",
           .help = "Bytes of the store hashed again",
           .type = "counter",
           .value = double(state.bytes)},
          {.name = "webpool_scrub_rounds_total",
           .help = "Times that the whole store was hashed again",
           .type = "counter",
           .value = double(state.rounds)},
          {.name = "webpool_scrub_damaged",
           .help = "Damaged files and blocks that the scrub's present or last round found",
           .value = double(state.damaged)}};
}

std::uint16_t portOfOrigin(const std::string& origin) {
  std::uint16_t port = 0;
  const auto text = std::string_view(origin).substr(origin.rfind(':') + 1);
  std::from_chars(text.data(), text.data() + text.size(), port);
  return port;
}

}  // namespace webpool::cli
