// Puts files into folders and gives the dag-pb nodes of each folder. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "cid/cid.h"
#include "cid/hamt.h"
#include "webpool/error.h"

namespace webpool::store {

struct BuiltFolder {
  std::string path;  ///< empty for the root
  cid::FolderTree tree;
};

class FolderBuilder {
 public:
  /// `path` is "a/b/c"; InvalidArgument for empty parts, "." and "..", and for a path that is taken
  /// or runs through a file.
  Result<void> addFile(std::string_view path, const cid::Cid& cid, std::uint64_t dagSize);
  Result<void> addFolder(std::string_view path);

  /// The folders' nodes, children before parents; the last is the root.
  Result<std::vector<BuiltFolder>> build() const;

 private:
  struct Folder {
    std::map<std::string, Folder, std::less<>> folders;
    std::map<std::string, cid::Link, std::less<>> files;
  };
  Result<Folder*> folderAt(std::string_view path);
  static Result<cid::Link> buildFolder(const Folder& folder, std::string name,
                                       const std::string& path, std::vector<BuiltFolder>& out);

  Folder root_;
};

}  // namespace webpool::store
