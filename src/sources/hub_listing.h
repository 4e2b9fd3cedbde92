// What a model hub of the Hugging Face layout says of a repository, and which of its files a model
// needs. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "webpool/error.h"

namespace webpool::sources {

/// "org/name" or "name", at a branch, tag or commit.
struct HubName {
  std::string repository;
  std::string revision = "main";
};

/// Reads "hf:org/name[@revision]".
Result<HubName> parseHubName(std::string_view text);

struct HubFile {
  std::string path;
  std::uint64_t size = 0;
  std::string sha256;    ///< hex; of a file in LFS
  std::string blobSha1;  ///< hex; git's name of a file that is not in LFS
};

/// The files of one page of a tree listing. Protocol for anything that is none: a path that would
/// lead out of the folder, a file without size or hash.
Result<std::vector<HubFile>> parseTree(std::string_view json);

/// The address with rel="next" in a Link field; empty: none.
std::string nextPage(std::string_view link);

/// The commit that a revision stands for, out of the hub's description of it.
Result<std::string> parseCommit(std::string_view json);

/// Percent-encoded for one part of a path; with `keepSlashes` for a whole path.
std::string urlPart(std::string_view text, bool keepSlashes = false);

struct HubChoice {
  std::string dtype;  ///< empty where patterns chose
  std::vector<HubFile> files;
};

/// The weights of that dtype (empty: as chooseDtype()) and the shared files that tasks read. With
/// patterns ('*', '?', '[…]'; '*' also matches '/') the files that match one of them, and of
/// weights only the dtype's where one is given. NotFound or InvalidModel when there are none.
Result<HubChoice> chooseFiles(const std::vector<HubFile>& all, std::string_view dtype,
                              const std::vector<std::string>& patterns);

}  // namespace webpool::sources
