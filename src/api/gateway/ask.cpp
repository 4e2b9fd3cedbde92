#include "api/gateway/ask.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "api/gateway/accept.h"
#include "api/percent.h"

namespace webpool::api::gateway {
namespace {

constexpr std::string_view kPrefix = "/ipfs/";

struct NamedFormat {
  std::string_view name;
  std::string_view type;
  Format format;
};

constexpr std::array kFormats{
    NamedFormat{"raw", "application/vnd.ipld.raw", Format::Raw},
    NamedFormat{"car", "application/vnd.ipld.car", Format::Car},
    NamedFormat{"json", "application/json", Format::Json},
    NamedFormat{"cbor", "application/cbor", Format::Cbor},
    NamedFormat{"dag-json", "application/vnd.ipld.dag-json", Format::DagJson},
    NamedFormat{"dag-cbor", "application/vnd.ipld.dag-cbor", Format::DagCbor},
    NamedFormat{"html", "text/html", Format::Page},
};

/// Known to the field, and left to others: they are refused by name.
constexpr std::array<std::string_view, 2> kForeignTypes{"application/x-tar",
                                                        "application/vnd.ipfs.ipns-record"};

std::unexpected<Error> bad(std::string message) {
  return fail(ErrorCategory::InvalidArgument, std::move(message));
}

const NamedFormat* formatOfType(std::string_view type) {
  for (const auto& format : kFormats) {
    if (format.type == type) return &format;
  }
  return nullptr;
}

/// The parameters that a CAR has in the query and in the Accept field; the query's hold.
std::optional<std::string> carParameter(std::string_view query, const AcceptedType* accepted,
                                        std::string_view name) {
  if (auto value = queryValue(query, fmt::format("car-{}", name))) return value;
  if (accepted == nullptr) return std::nullopt;
  const auto found = accepted->parameters.find(name);
  if (found == accepted->parameters.end()) return std::nullopt;
  return found->second;
}

Result<void> readScope(std::string_view query, CarAsk& car) {
  const auto scope = queryValue(query, "dag-scope");
  const auto bytes = queryValue(query, "entity-bytes");
  if (bytes) {
    car.bytes = readEntityBytes(*bytes);
    if (!car.bytes) return bad(fmt::format("entity-bytes={} is no range", *bytes));
    car.scope = cid::DagScope::Entity;
  }
  if (!scope) return {};
  if (*scope == "block") {
    car.scope = cid::DagScope::Block;
  } else if (*scope == "entity") {
    car.scope = cid::DagScope::Entity;
  } else if (*scope == "all") {
    car.scope = cid::DagScope::All;
  } else {
    return bad(fmt::format("dag-scope={} is none of block, entity, all", *scope));
  }
  return {};
}

Result<CarAsk> readCar(std::string_view query, const AcceptedType* accepted) {
  CarAsk car;
  const auto version = carParameter(query, accepted, "version");
  if (version && *version != "1")
    return bad(fmt::format("a CAR of version {} is not made", *version));
  const auto order = carParameter(query, accepted, "order");
  if (order && *order != "dfs" && *order != "unk") {
    return bad(fmt::format("the order {} of a CAR is not made", *order));
  }
  const auto duplicates = carParameter(query, accepted, "dups");
  if (duplicates && *duplicates != "y" && *duplicates != "n") {
    return bad(fmt::format("dups={} is neither y nor n", *duplicates));
  }
  car.duplicates = duplicates == "y";
  if (auto read = readScope(query, car); !read) return std::unexpected(read.error());
  return car;
}

Result<void> readFormat(const net::Request& request, Ask& ask) {
  const auto accepted = acceptedTypes(request.headers.get("Accept"));
  const AcceptedType* carType = nullptr;
  const NamedFormat* byAccept = nullptr;
  for (const auto& type : accepted) {
    if (carType == nullptr && type.type == "application/vnd.ipld.car") carType = &type;
    if (byAccept == nullptr) byAccept = formatOfType(type.type);
    ask.html = ask.html || type.type == "text/html";
  }
  if (const auto name = queryValue(request.query, "format"); name && !name->empty()) {
    const NamedFormat* byName = nullptr;
    for (const auto& format : kFormats) {
      if (format.name == *name && format.format != Format::Page) byName = &format;
    }
    if (byName == nullptr) {
      return fail(ErrorCategory::Unsupported, fmt::format("format={} is not served", *name));
    }
    ask.format = byName->format;
  } else if (byAccept != nullptr) {
    ask.format = byAccept->format;
  } else if (accepted.size() == 1) {
    for (const auto type : kForeignTypes) {
      if (accepted[0].type != type) continue;
      return fail(ErrorCategory::Unsupported, fmt::format("{} is not served", type));
    }
  }
  ask.html = ask.html && ask.format == Format::Page;
  if (ask.format != Format::Car) return {};
  auto car = readCar(request.query, carType);
  if (!car) return std::unexpected(car.error());
  ask.car = *car;
  return {};
}

/// Whether a list of directives has it, in whatever letters.
bool hasDirective(std::string_view list, std::string_view name) {
  while (!list.empty()) {
    auto one = list.substr(0, list.find(','));
    list.remove_prefix(std::min(list.size(), one.size() + 1));
    one.remove_prefix(std::min(one.size(), one.find_first_not_of(" \t")));
    one = one.substr(0, one.find_last_not_of(" \t") + 1);
    if (net::equalIgnoringCase(one, name)) return true;
  }
  return false;
}

std::optional<std::int64_t> readNumber(std::string_view text) {
  std::int64_t value = 0;
  const auto* const end = text.data() + text.size();
  const auto [last, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || last != end) return std::nullopt;
  return value;
}

}  // namespace

std::optional<cid::EntityBytes> readEntityBytes(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto from = readNumber(text.substr(0, colon));
  if (!from) return std::nullopt;
  cid::EntityBytes bytes{.from = *from, .to = {}};
  if (const auto to = text.substr(colon + 1); to != "*") {
    bytes.to = readNumber(to);
    if (!bytes.to) return std::nullopt;
    // Both on one side of the file, and the wrong way round.
    if ((*from < 0) == (*bytes.to < 0) && *bytes.to < *from) return std::nullopt;
  }
  return bytes;
}

std::optional<std::string> queryValue(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const auto pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    const auto equals = pair.find('=');
    if (pair.substr(0, equals) != name) continue;
    if (equals == std::string_view::npos) return "";
    std::string value(pair.substr(equals + 1));
    for (auto& letter : value) {
      if (letter == '+') letter = ' ';
    }
    return percentDecoded(value);
  }
  return std::nullopt;
}

Result<Ask> readAsk(const net::Request& request) {
  const auto decoded = percentDecoded(request.path);
  if (!decoded) return bad("malformed percent-encoding in the path");
  std::string_view rest = *decoded;
  if (!rest.starts_with(kPrefix)) return bad("the path must be /ipfs/{cid}[/path]");
  rest.remove_prefix(kPrefix.size());
  const auto slash = rest.find('/');
  auto root = cid::Cid::parse(rest.substr(0, slash));
  if (!root) return bad(root.error().message);
  Ask ask;
  ask.root = std::move(*root);
  if (slash != std::string_view::npos) {
    rest.remove_prefix(slash);
    ask.folderPath = rest.ends_with('/');
    while (rest.starts_with('/')) rest.remove_prefix(1);
    while (rest.ends_with('/')) rest.remove_suffix(1);
    ask.path = rest;
  }
  ask.filename = queryValue(request.query, "filename").value_or("");
  ask.download = queryValue(request.query, "download") == "true";
  ask.onlyIfCached = hasDirective(request.headers.get("Cache-Control"), "only-if-cached");
  if (auto read = readFormat(request, ask); !read) return std::unexpected(read.error());
  return ask;
}

}  // namespace webpool::api::gateway
