#include "sources/catalogue_fetch.h"

#include <mutex>
#include <set>
#include <utility>

namespace webpool::sources {
namespace {

class CatalogueFetcher final : public store::FileFetcher {
 public:
  CatalogueFetcher(store::ContentStore& store, base::HttpClient& http, ContentFetchOptions options,
                   SourcesReport report)
      : store_(store), http_(http), options_(std::move(options)), report_(std::move(report)) {}

  Result<void> fetch(const cid::Cid& file, const std::filesystem::path& target,
                     const store::JobOptions& job) override {
    auto fetch = ContentFetch::begin(store_, http_, honestOptions());
    if (!fetch) return std::unexpected(fetch.error());
    auto fetched = (*fetch)->fetchFile(file, target, job);
    const auto gave = (*fetch)->sources();
    noteLiars(gave);
    if (report_) report_(gave);
    return fetched;
  }

 private:
  /// Who lied in one file is not asked for the next.
  ContentFetchOptions honestOptions() {
    auto options = options_;
    const std::lock_guard lock(mutex_);
    const auto lied = [this](const std::string& address) { return liars_.contains(address); };
    std::erase_if(options.settings.gateways, lied);
    std::erase_if(options.settings.nodes, lied);
    return options;
  }

  void noteLiars(const std::vector<BytesOf>& gave) {
    const std::lock_guard lock(mutex_);
    for (const auto& one : gave) {
      if (one.lied) liars_.insert(one.source);
    }
  }

  store::ContentStore& store_;
  base::HttpClient& http_;
  ContentFetchOptions options_;
  std::mutex mutex_;
  std::set<std::string> liars_;
  SourcesReport report_;
};

}  // namespace

Result<std::unique_ptr<store::FileFetcher>> catalogueFetcher(store::ContentStore& store,
                                                             base::HttpClient& http,
                                                             ContentFetchOptions options,
                                                             SourcesReport report) {
  auto settings = checkedSettings(std::move(options.settings));
  if (!settings) return std::unexpected(settings.error());
  options.settings = std::move(*settings);
  options.settings.kuboLooksElsewhere = false;
  options.blocks.stripes.mostFailures = 2;
  options.blocks.stripes.mostAttempts = 2;
  options.blocks.stripes.longestAsked = std::chrono::seconds(5);
  options.blocks.stall = std::chrono::seconds(10);
  return std::make_unique<CatalogueFetcher>(store, http, std::move(options), std::move(report));
}

Result<TreeFetcher> treeFetcher(store::ContentStore& store, base::HttpClient& http,
                                ContentFetchOptions options, SourcesReport report) {
  auto settings = checkedSettings(std::move(options.settings));
  if (!settings) return std::unexpected(settings.error());
  options.settings = std::move(*settings);
  return [&store, &http, options = std::move(options), report = std::move(report)](
             const cid::Cid& root, const store::Pin& pin,
             const store::JobOptions& job) -> Result<void> {
    auto fetch = ContentFetch::begin(store, http, options);
    if (!fetch) return std::unexpected(fetch.error());
    const auto fetched = (*fetch)->fetch(root, pin, job);
    if (report) report((*fetch)->sources());
    return fetched ? Result<void>() : std::unexpected(fetched.error());
  };
}

}  // namespace webpool::sources
