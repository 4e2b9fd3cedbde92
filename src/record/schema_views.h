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

std::vector<View> views();

}  // namespace webpool::record
