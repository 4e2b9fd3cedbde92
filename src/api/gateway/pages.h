// The gateway's own pages: a folder's entries, and a value of IPLD for people. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "cid/cid.h"
#include "cid/dag_pb.h"

namespace webpool::api::gateway {

/// A folder's page, piece by piece: head(), a row() for each entry, end(). Names may hold anything.
class FolderPageText {
 public:
  /// `path`: below the root, decoded, without slashes around it.
  FolderPageText(const cid::Cid& root, std::string_view path, const cid::Cid& folder);

  const std::string& head() const { return head_; }
  std::string row(const cid::Link& entry) const;
  /// `listed`: how many rows there were, where there are more entries than those.
  static std::string end(std::optional<std::size_t> listed);

 private:
  std::string base_;  ///< the folder's address
  std::string head_;
};

/// `json`: the value as DAG-JSON.
std::string valuePage(const cid::Cid& cid, std::string_view json);

/// One part of a path, percent-encoded: letters, digits and "-._~" stay.
std::string percentEncoded(std::string_view text);

}  // namespace webpool::api::gateway
