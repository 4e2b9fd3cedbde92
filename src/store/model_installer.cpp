#include "store/model_installer.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "store/staging.h"

namespace webpool::store {
namespace {

/// A file that is not in the store, and how far its list of sources has been tried.
struct Pending {
  const CatalogueFile* file = nullptr;
  std::size_t attempt = 0;

  const SourceRef* source() const {
    return attempt < file->sources.size() ? &file->sources[attempt] : nullptr;
  }
};

/// Brings the missing files of one entry into an import, package by package.
class Fetching {
 public:
  Fetching(const CatalogueEntry& entry, PackageFetcher& fetcher, ImportSession& session,
           const JobOptions& options)
      : entry_(entry), fetcher_(fetcher), session_(session), options_(options) {}

  void add(const CatalogueFile& file) {
    pending_.push_back({&file, 0});
    total_ += file.size;
  }

  /// No other source could help.
  static bool isFinal(const Error& error) {
    return error.category == ErrorCategory::Cancelled || error.category == ErrorCategory::NoSpace ||
           error.category == ErrorCategory::Storage;
  }

  Result<void> run() {
    while (!pending_.empty()) {
      const auto* first = pending_.front().source();
      if (!first) return std::unexpected(*error_);
      const auto package = first->package;
      std::vector<Pending*> group;
      for (auto& pending : pending_) {
        const auto* source = pending.source();
        if (source && source->package == package) group.push_back(&pending);
      }
      if (auto done = takeFrom(package, group); !done) return done;
      std::erase_if(pending_, [](const Pending& pending) { return pending.file == nullptr; });
    }
    return {};
  }

 private:
  /// Files that arrive right leave the list (file = null), the others go on to their next source.
  /// Fails only where no other source could help.
  Result<void> takeFrom(std::size_t packageIndex, const std::vector<Pending*>& group) {
    const auto& package = entry_.packages[packageIndex];
    auto work = session_.workFolder();
    if (!work) return std::unexpected(work.error());
    const auto folder = *work / fmt::format("{}", round_++);
    if (auto made = base::makeFolders(folder); !made) return made;
    std::vector<std::string> members;
    for (const auto* pending : group) members.push_back(pending->source()->member);
    auto fetched = fetcher_.fetch(package, members, folder, options_);
    if (!fetched) {
      if (isFinal(fetched.error())) return std::unexpected(fetched.error());
      note(fetched.error());
      for (auto* pending : group) ++pending->attempt;
      return {};
    }
    for (auto* pending : group) {
      const auto& member = pending->source()->member;
      const auto file = std::ranges::find(*fetched, member, &FetchedFile::member);
      auto added =
          file == fetched->end()
              ? Result<StagedFile>(fail(ErrorCategory::Fetch, fmt::format("{} did not deliver {}",
                                                                          package.text(), member)))
              : session_.addFile(
                    {pending->file->path, file->path, pending->file->cid,
                     fmt::format("{} ({})", package.text(), member),
                     file->temporary ? ImportSession::Take::Move : ImportSession::Take::Copy},
                    options_, done_, total_);
      if (added) {
        done_ += added->size;
        pending->file = nullptr;
        continue;
      }
      if (isFinal(added.error())) return std::unexpected(added.error());
      note(added.error());
      ++pending->attempt;
    }
    std::error_code ignored;  // it goes with the session anyway
    std::filesystem::remove_all(folder, ignored);
    return {};
  }

  /// Wrong content says more than a source that can't be reached.
  void note(const Error& error) {
    if (!error_ || error_->category != ErrorCategory::Integrity) error_ = error;
  }

  const CatalogueEntry& entry_;
  PackageFetcher& fetcher_;
  ImportSession& session_;
  const JobOptions& options_;
  std::vector<Pending> pending_;
  std::optional<Error> error_;
  std::uint64_t done_ = 0;
  std::uint64_t total_ = 0;
  int round_ = 0;
};

/// Well-known names that are in no package registry: where a hub has them in the layout of
/// transformers.js. Empty for others.
std::string_view hubPlaceOf(std::string_view name) {
  if (name == "bert-base-uncased") return "Xenova/bert-base-uncased";
  if (name == "vit-base-patch16-224") return "Xenova/vit-base-patch16-224";
  return {};
}

std::string lockName(std::string_view model) {
  std::string name = fmt::format("model-{}", model);
  std::ranges::replace(name, '/', '+');
  return name;
}

/// The installed root of that name and dtype, if it is this CID.
Result<bool> isPinned(const ContentStore& store, const std::string& name,
                      const CatalogueVariant& variant) {
  auto pins = store.pins("model");
  if (!pins) return std::unexpected(pins.error());
  return std::ranges::any_of(*pins, [&](const Pin& pin) {
    return pin.name == name && pin.variant == variant.dtype && pin.cid == variant.root;
  });
}

}  // namespace

ModelInstaller::ModelInstaller(ModelRepository& repository, const Catalogue& catalogue,
                               std::unique_ptr<PackageFetcher> fetcher)
    : repository_(repository), catalogue_(catalogue), fetcher_(std::move(fetcher)) {}
ModelInstaller::~ModelInstaller() = default;

void ModelInstaller::useFetcher(std::unique_ptr<FileFetcher> byCid) {
  byCid_ = std::move(byCid);
}

Result<bool> ModelInstaller::fetchByCid(const CatalogueFile& file, ImportSession& session,
                                        const JobOptions& options) {
  if (!byCid_) return false;
  const auto work = session.workFolder();
  if (!work) return std::unexpected(work.error());
  const auto target = *work / file.cid.text();
  const auto fetched = byCid_->fetch(file.cid, target, options);
  if (!fetched) {
    if (Fetching::isFinal(fetched.error())) return std::unexpected(fetched.error());
    return false;
  }
  const auto added = session.addFile({.treePath = file.path,
                                      .source = target,
                                      .expected = file.cid,
                                      .origin = "what was fetched by its CID",
                                      .take = ImportSession::Take::Move},
                                     options);
  if (!added && Fetching::isFinal(added.error())) return std::unexpected(added.error());
  return added.has_value();
}

Result<bool> ModelInstaller::isWhole(const std::string& name, const CatalogueVariant& variant,
                                     const JobOptions& options) const {
  auto pinned = isPinned(repository_.store(), name, variant);
  if (!pinned || !*pinned) return pinned;
  auto damaged = repository_.store().findDamage(variant.root, options);
  if (!damaged) {
    const auto category = damaged.error().category;
    if (category == ErrorCategory::Integrity || category == ErrorCategory::NotFound) return false;
    return std::unexpected(damaged.error());
  }
  return damaged->empty();
}

Result<ModelSelection> ModelInstaller::ensure(std::string_view name, std::string_view dtype,
                                              const JobOptions& options) {
  const auto* entry = catalogue_.find(name);
  // What the user added under that name goes before the catalogue.
  const auto own = repository_.show(name);
  const bool isOwn = own && std::ranges::any_of(own->roots, [](const ModelRoot& root) {
                       return root.variant.empty();
                     });
  if (!entry && !own && own.error().category == ErrorCategory::NotFound) {
    if (const auto place = hubPlaceOf(name); !place.empty()) {
      return fail(ErrorCategory::NotFound,
                  fmt::format("the model {} is not here: no package registry has its weights, and "
                              "the catalogue lists no hash that nobody could check",
                              name),
                  fmt::format("get it from a hub: HF_ENDPOINT=https://HUB webpool models add hf:{}",
                              place));
    }
    if (name.starts_with("hf:")) {
      return fail(ErrorCategory::NotFound, fmt::format("{} has not been added", name),
                  fmt::format("webpool models add {}, then use the name it is kept under", name));
    }
    std::vector<std::string> known;
    for (const auto& each : catalogue_.entries()) known.push_back(each.name);
    return fail(
        ErrorCategory::NotFound,
        fmt::format("no model is called \"{}\", in the store or in the catalogue", name),
        fmt::format("the catalogue knows {}; another is given by its path, or kept under a name "
                    "by webpool models add PATH --name NAME",
                    fmt::join(known, ", ")));
  }
  if (isOwn || !entry) return repository_.select(name, dtype);

  const auto wanted = dtype.empty() ? std::string_view(entry->defaultDtype) : dtype;
  const auto* variant = entry->variant(wanted);
  if (!variant) {
    std::vector<std::string> dtypes;
    for (const auto& each : entry->variants) dtypes.push_back(each.dtype);
    return fail(ErrorCategory::NotFound,
                fmt::format("the catalogue has no dtype \"{}\" of {}", wanted, entry->name),
                fmt::format("it has {}", fmt::join(dtypes, ", ")));
  }
  auto whole = isWhole(entry->name, *variant, options);
  if (!whole) return std::unexpected(whole.error());
  if (!*whole) {
    if (auto installed = install(*entry, *variant, options); !installed) {
      return std::unexpected(installed.error());
    }
  }
  return repository_.select(entry->name, wanted);
}

Result<void> ModelInstaller::install(const CatalogueEntry& entry, const CatalogueVariant& variant,
                                     const JobOptions& options) {
  auto& store = repository_.store();
  const auto lock = waitForLock(store.folder() / "locks" / lockName(entry.name), options.stop, [&] {
    if (options.progress) options.progress({Progress::Phase::Wait, entry.name, 0, 0});
  });
  if (!lock) return std::unexpected(lock.error());
  auto whole = isWhole(entry.name, variant, options);  // another process may have been first
  if (!whole) return std::unexpected(whole.error());
  if (*whole) return {};

  auto session = store.beginImport();
  if (!session) return std::unexpected(session.error());
  Fetching fetching(entry, *fetcher_, **session, options);
  for (const auto* file : entry.filesFor(variant.dtype)) {
    auto held = store.hasFile(file->cid);
    if (!held) return std::unexpected(held.error());
    if (!*held) {
      const auto fetched = fetchByCid(*file, **session, options);
      if (!fetched) return std::unexpected(fetched.error());
      if (!*fetched) fetching.add(*file);
    } else if (auto added = (*session)->addExisting(file->path, file->cid); !added) {
      return added;
    }
  }
  if (auto fetched = fetching.run(); !fetched) return fetched;
  auto committed = (*session)->commit({"model", entry.name, variant.dtype, {}, 0}, variant.root);
  if (!committed) return std::unexpected(committed.error());
  return {};
}

}  // namespace webpool::store
