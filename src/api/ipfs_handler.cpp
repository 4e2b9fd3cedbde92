#include "api/ipfs_handler.h"

#include <fmt/format.h>

#include <string>
#include <utility>

#include "api/byte_range.h"
#include "cid/cid.h"

namespace webpool::api {
namespace {

constexpr std::string_view kPrefix = "/ipfs/";

net::Response plain(int status, const std::string& text) {
  net::Response response{.status = status, .headers = {}, .body = text + "\n"};
  response.headers.set("Content-Type", "text/plain; charset=utf-8");
  return response;
}

net::Response fromError(const Error& error) {
  switch (error.category) {
    case ErrorCategory::NotFound:
      return plain(404, error.message);
    case ErrorCategory::InvalidArgument:
    case ErrorCategory::Unsupported:
      return plain(400, error.message);
    default:
      return plain(500, error.describe());
  }
}

int hexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

Result<std::string> percentDecoded(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? hexDigit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hexDigit(text[i + 2]) : -1;
    if (high < 0 || low < 0) {
      return fail(ErrorCategory::InvalidArgument, "malformed percent-encoding in the path");
    }
    decoded += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return decoded;
}

bool asksForRawBlock(const net::Request& request) {
  for (std::string_view rest = request.query; !rest.empty();) {
    const auto end = rest.find('&');
    if (const auto pair = rest.substr(0, end); pair.starts_with("format=")) {
      return pair == "format=raw";
    }
    rest = end == std::string_view::npos ? "" : rest.substr(end + 1);
  }
  return request.headers.get("Accept") == "application/vnd.ipld.raw";
}

net::Response send(const store::Content& content, const cid::Cid& cid, const net::Request& request,
                   std::string contentType, const std::string& etag) {
  net::Response response;
  response.headers.set("Content-Type", std::move(contentType));
  response.headers.set("X-Content-Type-Options", "nosniff");
  response.headers.set("Cache-Control", "public, max-age=29030400, immutable");
  response.headers.set("X-Ipfs-Path", request.path);
  response.headers.set("X-Ipfs-Roots", cid.text());
  response.headers.set("Accept-Ranges", "bytes");
  response.headers.set("ETag", etag);
  if (request.headers.get("If-None-Match").find(etag) != std::string_view::npos) {
    response.status = 304;
    return response;
  }
  const auto size = store::contentSize(content);
  const bool unchanged = ifRangeHolds(request.headers.get("If-Range"), etag);
  const auto asked = parseRange(unchanged ? request.headers.get("Range") : "", size);
  if (std::holds_alternative<UnsatisfiableRange>(asked)) {
    auto refused = plain(416, fmt::format("the content has {} bytes", size));
    refused.headers.set("Content-Range", fmt::format("bytes */{}", size));
    return refused;
  }
  ByteRange range{0, size};
  if (const auto* part = std::get_if<ByteRange>(&asked)) {
    range = *part;
    response.status = 206;
    response.headers.set("Content-Range", fmt::format("bytes {}-{}/{}", range.offset,
                                                      range.offset + range.length - 1, size));
  }
  if (const auto* region = std::get_if<store::StoredRegion>(&content)) {
    response.body = net::FileRegion{region->file, region->offset + range.offset, range.length};
  } else {
    response.body = std::string(std::get<Bytes>(content).text().substr(
        range.offset, static_cast<std::size_t>(range.length)));
  }
  return response;
}

}  // namespace

net::Response respondWithContent(const store::ContentStore& store, const net::Request& request) {
  const auto decoded = percentDecoded(request.path);
  if (!decoded) return fromError(decoded.error());
  std::string_view rest = *decoded;
  if (!rest.starts_with(kPrefix)) return plain(400, "the path must be /ipfs/{cid}[/path]");
  rest.remove_prefix(kPrefix.size());
  const auto slash = rest.find('/');
  const auto root = cid::Cid::parse(rest.substr(0, slash));
  if (!root) return fromError(root.error());
  std::string_view path = slash == std::string_view::npos ? "" : rest.substr(slash + 1);
  while (path.ends_with('/')) path.remove_suffix(1);

  if (asksForRawBlock(request)) {
    const auto cid = store.resolveCid(*root, path);
    if (!cid) return fromError(cid.error());
    const auto block = store.block(*cid);
    if (!block) return fromError(block.error());
    auto response = send(block->content, *cid, request, "application/vnd.ipld.raw",
                         fmt::format("\"{}.raw\"", cid->text()));
    response.headers.set("Content-Disposition",
                         fmt::format("attachment; filename=\"{}.bin\"", cid->text()));
    return response;
  }
  const auto resolved = store.resolve(*root, path);
  if (!resolved) return fromError(resolved.error());
  const auto* file = std::get_if<store::ResolvedFile>(&*resolved);
  if (file == nullptr) {
    return plain(406, "this is a folder: ask for a file in it, or for its block with ?format=raw");
  }
  return send(file->content, file->cid, request, "application/octet-stream",
              fmt::format("\"{}\"", file->cid.text()));
}

net::Handler contentHandler(const store::ContentStore& store) {
  return [&store](const net::Request& request, const std::function<void(net::Response)>& respond) {
    respond(respondWithContent(store, request));
  };
}

}  // namespace webpool::api
