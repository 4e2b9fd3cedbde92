#include "sources/catalogue_fetch.h"

#include <utility>

namespace webpool::sources {
namespace {

class CatalogueFetcher final : public store::FileFetcher {
 public:
  CatalogueFetcher(store::ContentStore& store, base::HttpClient& http, ContentFetchOptions options)
      : store_(store), http_(http), options_(std::move(options)) {}

  Result<void> fetch(const cid::Cid& file, const std::filesystem::path& target,
                     const store::JobOptions& job) override {
    auto fetch = ContentFetch::begin(store_, http_, options_);
    if (!fetch) return std::unexpected(fetch.error());
    return (*fetch)->fetchFile(file, target, job);
  }

 private:
  store::ContentStore& store_;
  base::HttpClient& http_;
  ContentFetchOptions options_;
};

}  // namespace

Result<std::unique_ptr<store::FileFetcher>> catalogueFetcher(store::ContentStore& store,
                                                             base::HttpClient& http,
                                                             ContentFetchOptions options) {
  auto settings = checkedSettings(std::move(options.settings));
  if (!settings) return std::unexpected(settings.error());
  options.settings = std::move(*settings);
  options.settings.kuboLooksElsewhere = false;
  options.blocks.stripes.mostFailures = 2;
  options.blocks.stripes.mostAttempts = 2;
  options.blocks.stripes.longestAsked = std::chrono::seconds(5);
  options.blocks.stall = std::chrono::seconds(10);
  return std::make_unique<CatalogueFetcher>(store, http, std::move(options));
}

}  // namespace webpool::sources
