// What the store's tests share: a folder that goes with the test, contents by a rule, a store.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "base/random.h"
#include "store/content_store.h"

namespace webpool::store {

/// The rule of tests/vectors/cid: byte i is (i * 7 + (i >> 8)) mod 251.
inline std::string pattern(std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>((i * 7 + (i >> 8)) % 251);
  return bytes;
}

inline void writeFile(const std::filesystem::path& path, std::string_view contents) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream file(path, std::ios::binary);
  file << contents;
}

inline std::string textOf(const Content& content) {
  return std::string(readContent(content).value().text());
}

inline boost::json::value cidVectors() {
  std::ifstream file(WEBPOOL_SOURCE_DIR "/tests/vectors/cid/unixfs.json");
  std::stringstream text;
  text << file.rdbuf();
  return boost::json::parse(text.str());
}

/// One wrong byte, which size and modification time do not tell.
inline void damage(const std::filesystem::path& path, std::uint64_t offset) {
  namespace fs = std::filesystem;
  const auto time = fs::last_write_time(path);
  const auto mode = fs::status(path).permissions();
  fs::permissions(path, fs::perms(0644));
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  file.seekg(static_cast<std::streamoff>(offset));
  const auto byte = static_cast<char>(file.get() ^ 1);
  file.seekp(static_cast<std::streamoff>(offset));
  file.put(byte);
  file.close();
  fs::permissions(path, mode);
  fs::last_write_time(path, time);
}

class StoreTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/webpool-store-test-XXXXXX";
    folder_ = ::mkdtemp(name);
    store_ = openStore();
  }
  void TearDown() override {
    store_.reset();
    std::filesystem::remove_all(folder_);
  }

  std::filesystem::path storeFolder() const { return folder_ / "store"; }

  std::unique_ptr<ContentStore> openStore() {
    auto store = ContentStore::open(storeFolder(), base::systemRandom());
    EXPECT_TRUE(store) << (store ? "" : store.error().describe());
    return store ? std::move(*store) : nullptr;
  }

  std::filesystem::path file(std::string_view name, std::string_view contents) {
    writeFile(folder_ / name, contents);
    return folder_ / name;
  }

  /// Every file of the store but the index, so that leftovers show.
  std::vector<std::string> storedFiles() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(storeFolder())) {
      const auto name = std::filesystem::relative(entry.path(), storeFolder()).native();
      if (entry.is_regular_file() && !name.starts_with("index.") && name != "tmp/.lock" &&
          !name.starts_with("locks/")) {
        names.push_back(name);
      }
    }
    return names;
  }

  std::filesystem::path folder_;
  std::unique_ptr<ContentStore> store_;
};

}  // namespace webpool::store
