#include "cli/served_content.h"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <boost/json.hpp>
#include <charconv>
#include <utility>

#include "api/gateway/identity.h"
#include "api/gateway_routes.h"
#include "base/random.h"
#include "cli/byte_size.h"
#include "cli/content_sources.h"

namespace webpool::cli {
namespace {

/// Fetches anew what a scrub found damaged.
class Mender {
 public:
  Mender(const Context& context, store::ContentStore& store, sources::ContentSettings settings,
         std::stop_token stop, ServeOutput& output)
      : context_(context),
        store_(store),
        settings_(std::move(settings)),
        stop_(std::move(stop)),
        output_(output) {}

  void mend(const std::vector<cid::Cid>& damaged) const {
    for (const auto& cid : damaged) {
      if (stop_.stop_requested()) return;
      std::vector<sources::BytesOf> from;
      const auto fetched = fetch(cid, from);
      if (stop_.stop_requested()) return;
      std::string liars;
      for (const auto& one : from) {
        if (one.lied) liars += "; " + sources::liarText(one);
      }
      if (!fetched) {
        output_.line(
            "not_mended",
            {{"cid", cid.text()}, {"message", fetched.error().message}, {"lied", liarsArray(from)}},
            fmt::format("{} stays damaged: {}{}", cid.text(), fetched.error().describe(), liars));
        continue;
      }
      output_.line("mended",
                   {{"cid", cid.text()},
                    {"sources", boost::json::parse(sources::sourcesJson(from))},
                    {"lied", liarsArray(from)}},
                   fmt::format("{} was fetched anew and is served again{}", cid.text(), liars));
    }
  }

 private:
  /// `from`: what each source gave, also where it fails.
  Result<void> fetch(const cid::Cid& cid, std::vector<sources::BytesOf>& from) const {
    const auto fetch = sources::ContentFetch::begin(
        store_, *context_.http, {.settings = settings_, .data = context_.paths.data});
    if (!fetch) return std::unexpected(fetch.error());
    // What kept it before keeps it on.
    const store::Pin held{"scrub", cid.normalized().text(), "", cid, 0, ""};
    const auto fetched = (*fetch)->fetch(cid, held, {{}, stop_});
    from = (*fetch)->sources();
    if (!fetched) return std::unexpected(fetched.error());
    auto right = store_.recheck(cid, stop_);
    auto unpinned = store_.unpin(held);
    return right ? unpinned : right;
  }

  const Context& context_;
  store::ContentStore& store_;
  const sources::ContentSettings settings_;
  const std::stop_token stop_;
  ServeOutput& output_;
};

store::BackgroundScrub::Options scrubOptions(const ScrubFlags& flags,
                                             std::shared_ptr<const Mender> mender,
                                             ServeOutput& output) {
  return {.bytesPerSecond = flags.rate,
          .onDamage =
              [&output](const cid::Cid& cid, const Error& error) {
                output.line("damaged", {{"cid", cid.text()}, {"message", error.message}},
                            fmt::format("damaged, and not served any more: {}", error.describe()));
              },
          .onRound =
              [&output, mender = std::move(mender)](const Result<store::ScrubReport>& report) {
                if (!report) {
                  return output.line("scrub_failed", {{"message", report.error().message}},
                                     "the scrub can't go on: " + report.error().describe());
                }
                output.event("scrubbed", {{"checked", report->checked},
                                          {"bytes", report->bytes},
                                          {"damaged", report->damaged.size()}});
                mender->mend(report->damaged);
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

ServedContent::ServedContent(std::unique_ptr<store::ContentStore> store, std::string peerId,
                             ServeOutput& output)
    : store_(std::move(store)), peerId_(std::move(peerId)), output_(output) {}

ServedContent::~ServedContent() {
  ending_.request_stop();
}

Result<std::unique_ptr<ServedContent>> ServedContent::open(const Context& context,
                                                           const ScrubFlags& scrub,
                                                           const SourceFlags& sources,
                                                           ServeOutput& output) {
  const auto& dataFolder = context.paths.data;
  auto settings = contentSettings(context, sources);
  if (!settings) return std::unexpected(settings.error());
  auto store = store::ContentStore::open(dataFolder / "store", base::systemRandom());
  if (!store) return std::unexpected(store.error());
  auto peer = api::gateway::keptPeerId(dataFolder / "peer-key.pem");
  if (!peer) return std::unexpected(peer.error());
  std::unique_ptr<ServedContent> content(
      new ServedContent(std::move(*store), std::move(*peer), output));
  if (!scrub.off) {
    auto mender = std::make_shared<const Mender>(context, *content->store_, std::move(*settings),
                                                 content->ending_.get_token(), output);
    content->scrub_ = std::make_unique<store::BackgroundScrub>(
        *content->store_, scrubOptions(scrub, std::move(mender), output));
  }
  return content;
}

void ServedContent::addTo(api::Front& front, std::vector<std::string> hosts, bool open) const {
  api::addGateway(front, *store_,
                  {peerId_, api::gateway::httpMultiaddresses(hosts, portOfOrigin(front.origin()))},
                  open, [&output = output_](const cid::Cid& cid, const Error& error) {
                    output.line("unreadable", {{"cid", cid.text()}, {"message", error.message}},
                                fmt::format("{} could not be read for a client: {}", cid.text(),
                                            error.describe()));
                  });
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
