// What a request asks of the gateway: path, format, and the parameters of a CAR. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cid/cid.h"
#include "cid/dag_walk.h"
#include "net/http_types.h"

namespace webpool::api::gateway {

enum class Format {
  Page,  ///< none asked: files, folders as pages, values as they are
  Raw,
  Car,
  Json,
  Cbor,
  DagJson,
  DagCbor,
};

struct CarAsk {
  cid::DagScope scope = cid::DagScope::All;
  std::optional<cid::EntityBytes> bytes;
  bool duplicates = false;
};

struct Ask {
  cid::Cid root;
  std::string path;         ///< below the root, percent-decoded, without slashes around it
  bool folderPath = false;  ///< the path ends with '/'
  Format format = Format::Page;
  bool html = false;  ///< a person reads the answer
  CarAsk car;         ///< where the format is Car
  std::string filename;
  bool download = false;
  bool onlyIfCached = false;
};

/// InvalidArgument for what makes no sense and for a CID with a foreign codec or hash function;
/// Unsupported for formats that the gateway has not.
Result<Ask> readAsk(const net::Request& request);

/// "from:to", inclusive; '*' or a number, from the end where it is negative.
std::optional<cid::EntityBytes> readEntityBytes(std::string_view text);

/// The value of a query's parameter, percent-decoded; nullopt where it has none.
std::optional<std::string> queryValue(std::string_view query, std::string_view name);

}  // namespace webpool::api::gateway
