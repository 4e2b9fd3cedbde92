// The gateway's own pages: a folder's entries, and a value of IPLD for people. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cid/cid.h"
#include "cid/dag_pb.h"

namespace webpool::api::gateway {

/// `path`: below the root, decoded, without slashes around it. Names may hold anything.
std::string folderPage(const cid::Cid& root, std::string_view path, const cid::Cid& folder,
                       const std::vector<cid::Link>& entries);

/// `json`: the value as DAG-JSON.
std::string valuePage(const cid::Cid& cid, std::string_view json);

/// One part of a path, percent-encoded: letters, digits and "-._~" stay.
std::string percentEncoded(std::string_view text);

}  // namespace webpool::api::gateway
