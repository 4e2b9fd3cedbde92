// The views of the record's file, under the names and with the columns that queries on the tables
// of ipfs_accelerate_py and fixed_web_platform use (docs/record.md).
#pragma once

#include <string>
#include <vector>

namespace webpool::record {

struct View {
  std::string name;
  std::string sql;
};

/// Their text is part of the step that makes them, and stays as that was released.
enum class ViewVersion {
  First,
  WithPeers  ///< tells of bytes that came from other browsers
};

std::vector<View> views(ViewVersion version);

}  // namespace webpool::record
