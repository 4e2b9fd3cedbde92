// Importing a file into the content store, against hashing its bytes on one core.
#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <random>
#include <span>

#include "base/file.h"
#include "base/random.h"
#include "failure.h"
#include "figures.h"
#include "stopwatch.h"
#include "store/content_store.h"

namespace webpool::bench {
namespace {

constexpr std::size_t kMegabyte = 1'000'000;

std::vector<std::byte> randomBytes(std::size_t size) {
  std::vector<std::byte> bytes(size / sizeof(std::uint64_t) * sizeof(std::uint64_t));
  std::mt19937_64 random(1);
  const std::span words(reinterpret_cast<std::uint64_t*>(bytes.data()),
                        bytes.size() / sizeof(std::uint64_t));
  for (auto& word : words) word = random();
  return bytes;
}

/// Creates the file anew and waits until it is on the disk; seconds.
double writeToDisk(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  std::filesystem::remove(path);
  const Stopwatch watch;
  const auto file = valueOf(base::openFile(path, O_WRONLY | O_CREAT | O_TRUNC));
  valueOf(base::writeAll(file.get(), bytes, path));
  require(::fsync(file.get()) == 0, "fsync failed");
  return watch.seconds();
}

double hash(std::span<const std::byte> bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  const Stopwatch watch;
  require(
      EVP_Digest(bytes.data(), bytes.size(), digest.data(), &length, EVP_sha256(), nullptr) == 1,
      "OpenSSL's SHA-256 failed");
  return watch.seconds();
}

/// Removes what it was given when it goes.
struct Removed {
  std::filesystem::path path;
  ~Removed() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
};

}  // namespace

void measureImport(const Settings& settings, Report& report) {
  const Removed source{settings.work / "import.bin"};
  const Removed copy{settings.work / "import-copy.bin"};
  const Removed folder{settings.work / "import-store"};
  const auto bytes = randomBytes(settings.count(600, 100) * kMegabyte);
  writeToDisk(source.path, bytes);
  const auto store = valueOf(store::ContentStore::open(folder.path, base::systemRandom()));

  const double megabytes = static_cast<double>(bytes.size()) / kMegabyte;
  const std::array<Slice, 3> slices{
      [&] {
        const Stopwatch watch;
        const auto imported = valueOf(store->importPath(source.path));
        const double seconds = watch.seconds();
        require(imported.bytes == bytes.size(), "the import took other bytes");
        valueOf(store->remove(imported.root));
        return megabytes / seconds;
      },
      [&] { return megabytes / hash(bytes); },
      [&] { return megabytes / writeToDisk(copy.path, bytes); },
  };
  for (const auto& slice : slices) slice();  // Warm-up.
  const auto values = alternate(slices, settings.count(7, 3));
  const Side import{"import from the page cache", values[0], "MB/s"};
  report.add({.figure = "Import",
              .numerator = import,
              .denominator = {"OpenSSL's SHA-256 on one core", values[1], "MB/s"},
              .ratio = ratioOf(values[0], values[1]),
              .aim = Aim{Aim::Kind::AtLeast, 0.8}},
             *settings.progress);
  report.add({.figure = "Import",
              .numerator = import,
              .denominator = {"writing the same bytes, with fsync", values[2], "MB/s"},
              .ratio = ratioOf(values[0], values[2]),
              .aim = std::nullopt},
             *settings.progress);
}

}  // namespace webpool::bench
