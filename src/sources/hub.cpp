#include "sources/hub.h"

#include <fmt/format.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <boost/json.hpp>

#include "cid/sha256.h"
#include "net/http_url.h"
#include "sources/download.h"
#include "sources/locked_folder.h"

namespace webpool::sources {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostPages = 1000;
constexpr std::uint64_t kMostListing = 64u << 20;

std::string keyOf(const std::string& text) {
  return cid::hexText(cid::sha256(std::as_bytes(std::span(text)))).substr(0, 32);
}

Result<cid::Digest> digestOf(const std::string& hex) {
  cid::Digest digest;
  for (std::size_t i = 0; i < digest.size(); ++i) {
    digest[i] = static_cast<std::byte>(std::stoi(hex.substr(2 * i, 2), nullptr, 16));
  }
  return digest;
}

class Hub {
 public:
  Hub(store::ModelRepository& repository, base::HttpClient& http, const HubName& from,
      const HubOptions& options, const store::JobOptions& job)
      : repository_(repository),
        http_(http),
        from_(from),
        options_(options),
        job_(job),
        endpoint_(options.endpoint) {
    while (endpoint_.ends_with('/')) endpoint_.pop_back();
  }

  Result<HubModel> add(const std::string& name) {
    if (auto checked = checkEndpoint(); !checked) return std::unexpected(checked.error());
    if (auto checked = store::checkModelName(name); !checked) {
      return std::unexpected(checked.error());
    }
    auto commit = findCommit();
    if (!commit) return std::unexpected(commit.error());
    commit_ = std::move(*commit);
    auto all = listTree();
    if (!all) return std::unexpected(all.error());
    auto choice = chooseFiles(*all, options_.dtype, options_.patterns);
    if (!choice) {
      auto error = choice.error();
      error.message = fmt::format("{}: {}", from_.repository, error.message);
      return std::unexpected(std::move(error));
    }
    auto folder = LockedFolder::open(
        options_.downloads / keyOf(endpoint_ + "\n" + from_.repository + "\n" + commit_), job_.stop,
        [&] {
          if (job_.progress) job_.progress({store::Progress::Phase::Wait, from_.repository, 0, 0});
        });
    if (!folder) return std::unexpected(folder.error());
    folder_ = folder->path();
    auto kept = keep(*choice, name);
    if (!kept) return std::unexpected(kept.error());
    std::move(*folder).remove();
    return HubModel{std::move(*kept), choice->dtype};
  }

 private:
  Result<void> checkEndpoint() {
    auto url = net::parseHttpUrl(endpoint_);
    if (!url) return std::unexpected(url.error());
    if (url->target.contains('?')) {
      return fail(ErrorCategory::InvalidArgument, "HF_ENDPOINT has a query",
                  "set it to the hub's address alone");
    }
    if (!url->tls && !url->isLoopback()) {
      return fail(ErrorCategory::InvalidArgument,
                  fmt::format("HF_ENDPOINT {} is not encrypted", url->origin()),
                  "use its https:// address; http:// is for this machine only");
    }
    origin_ = url->origin();
    return {};
  }

  base::HttpHeaders headers() const {
    if (options_.token.empty()) return {};
    return {{"Authorization", "Bearer " + options_.token}};
  }

  Result<base::HttpResponse> ask(const std::string& url, const std::string& what) {
    base::HttpRequest request{.url = url,
                              .headers = headers(),
                              .timeout = std::chrono::seconds(60),
                              .maxBodyBytes = kMostListing,
                              .maxRedirects = 5};
    return askRepeatedly(http_, request, what, job_.stop);
  }

  std::string called() const {
    return fmt::format("repository {} at revision {}", from_.repository, from_.revision);
  }

  Result<std::string> findCommit() {
    auto answer = ask(fmt::format("{}/api/models/{}/revision/{}", endpoint_,
                                  urlPart(from_.repository, true), urlPart(from_.revision)),
                      called());
    if (!answer) return std::unexpected(answer.error());
    return parseCommit(answer->body);
  }

  Result<std::vector<HubFile>> listTree() {
    std::vector<HubFile> all;
    auto url = fmt::format("{}/api/models/{}/tree/{}?recursive=true", endpoint_,
                           urlPart(from_.repository, true), commit_);
    for (std::size_t page = 0; page < kMostPages; ++page) {
      auto answer = ask(url, called());
      if (!answer) return std::unexpected(answer.error());
      auto files = parseTree(answer->body);
      if (!files) return std::unexpected(files.error());
      all.insert(all.end(), files->begin(), files->end());
      const auto next = nextPage(base::headerOf(answer->headers, "Link"));
      if (next.empty()) return all;
      const auto target = net::parseHttpUrl(next);
      if (!target || target->origin() != origin_) {
        return fail(ErrorCategory::Protocol,
                    fmt::format("{} continues its listing at another address", origin_),
                    "set HF_ENDPOINT to the address that the hub has for itself");
      }
      url = next;
    }
    return fail(ErrorCategory::Protocol, fmt::format("the listing of {} has no end", origin_));
  }

  Result<std::optional<cid::Cid>> held(const HubFile& file) {
    if (file.sha256.empty()) return std::optional<cid::Cid>();
    auto known = repository_.store().findBySha256(*digestOf(file.sha256));
    if (!known) {
      if (known.error().category == ErrorCategory::NotFound) return std::optional<cid::Cid>();
      return std::unexpected(known.error());
    }
    auto whole = repository_.store().hasFile(*known);
    if (!whole) return std::unexpected(whole.error());
    return *whole ? std::optional(*known) : std::nullopt;
  }

  Result<store::Model> keep(const HubChoice& choice, const std::string& name) {
    auto session = repository_.store().beginImport();
    if (!session) return std::unexpected(session.error());
    std::vector<const HubFile*> missing;
    std::uint64_t total = 0;
    for (const auto& file : choice.files) {
      auto known = held(file);
      if (!known) return std::unexpected(known.error());
      if (*known) {
        if (auto added = (*session)->addExisting(file.path, **known); !added) {
          return std::unexpected(added.error());
        }
        continue;
      }
      missing.push_back(&file);
      total += file.size;
    }
    if (auto room = checkRoom(missing); !room) return std::unexpected(room.error());
    std::uint64_t done = 0;
    for (const auto* file : missing) {
      if (auto fetched = fetch(*file, done, total); !fetched) {
        return std::unexpected(fetched.error());
      }
      done += file->size;
    }
    if (auto added = import(**session, missing, total); !added) {
      return std::unexpected(added.error());
    }
    auto committed = (*session)->commit({"model", name, choice.dtype, {}, 0, origin()});
    if (!committed) return std::unexpected(committed.error());
    return repository_.add(name, committed->root, choice.dtype, origin());
  }

  fs::path partOf(const HubFile& file) const {
    return folder_ / keyOf(file.path + "\n" + file.sha256 + file.blobSha1);
  }

  Result<void> checkRoom(const std::vector<const HubFile*>& missing) const {
    std::uint64_t need = 0;
    for (const auto* file : missing) {
      std::error_code none;
      const auto there = fs::file_size(partOf(*file), none);
      need += none ? file->size : file->size - std::min(there, file->size);
    }
    struct statvfs disk{};
    if (::statvfs(folder_.c_str(), &disk) != 0) return {};  // writing will tell
    const auto room = std::uint64_t{disk.f_bavail} * disk.f_frsize;
    if (need <= room) return {};
    return fail(ErrorCategory::NoSpace,
                fmt::format("{} needs {} bytes more, and the disk of {} has {}", from_.repository,
                            need, folder_.native(), room),
                "free space there, or set WEBPOOL_DATA_DIR to a folder of another disk");
  }

  Result<void> fetch(const HubFile& file, std::uint64_t before, std::uint64_t total) {
    const DownloadRequest request{
        .url = fmt::format("{}/{}/resolve/{}/{}", endpoint_, urlPart(from_.repository, true),
                           commit_, urlPart(file.path, true)),
        .headers = headers(),
        .target = partOf(file),
        .size = file.size,
        .sha256 = file.sha256,
        .blobSha1 = file.blobSha1,
        .name = fmt::format("file {} of {}", file.path, called())};
    return download(http_, request, job_.stop, [&](std::uint64_t there) {
      if (job_.progress) {
        job_.progress({store::Progress::Phase::Fetch, from_.repository, before + there, total});
      }
    });
  }

  /// By a second name of each file, so that an import that is broken off leaves the download.
  Result<void> import(store::ImportSession& session, const std::vector<const HubFile*>& files,
                      std::uint64_t total) {
    auto work = session.workFolder();
    if (!work) return std::unexpected(work.error());
    std::uint64_t done = 0;
    for (const auto* file : files) {
      const auto part = partOf(*file);
      const auto link = *work / part.filename();
      const bool linked = ::link(part.c_str(), link.c_str()) == 0;
      auto added = session.addFile(
          {file->path, linked ? link : part, std::nullopt, origin_,
           linked ? store::ImportSession::Take::Move : store::ImportSession::Take::Copy},
          job_, done, total);
      if (!added) return std::unexpected(added.error());
      done += file->size;
    }
    return {};
  }

  std::string origin() const {
    return boost::json::serialize(boost::json::object{{"kind", "hub"},
                                                      {"endpoint", endpoint_},
                                                      {"repository", from_.repository},
                                                      {"revision", from_.revision},
                                                      {"commit", commit_}});
  }

  store::ModelRepository& repository_;
  base::HttpClient& http_;
  const HubName& from_;
  const HubOptions& options_;
  const store::JobOptions& job_;
  std::string endpoint_;
  std::string origin_;
  std::string commit_;
  fs::path folder_;
};

}  // namespace

Result<HubModel> addFromHub(store::ModelRepository& repository, base::HttpClient& http,
                            const HubName& from, const std::string& name, const HubOptions& options,
                            const store::JobOptions& job) {
  return Hub(repository, http, from, options, job).add(name);
}

std::string originText(std::string_view origin) {
  boost::system::error_code failure;
  const auto document =
      boost::json::parse(boost::json::string_view(origin.data(), origin.size()), failure);
  if (failure || !document.is_object()) return {};
  const auto text = [&](std::string_view key) {
    const auto* value = document.get_object().if_contains(key);
    return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
  };
  if (text("kind") == "url") return text("url");
  if (text("kind") == "ipfs") return "ipfs://" + text("cid");
  return fmt::format("{} {}, {} at commit {} ({})", text("kind"), text("endpoint"),
                     text("repository"), text("commit"), text("revision"));
}

}  // namespace webpool::sources
