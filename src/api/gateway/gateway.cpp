#include "api/gateway/gateway.h"

#include <utility>

#include <fmt/format.h>

#include "api/byte_range.h"
#include "api/gateway/ask.h"
#include "api/gateway/conditions.h"
#include "api/gateway/file_head.h"
#include "api/gateway/folder_page.h"
#include "api/gateway/pages.h"
#include "cid/ipld.h"
#include "cid/sha256.h"

namespace webpool::api::gateway {
namespace {

constexpr std::string_view kForever = "public, max-age=29030400, immutable";
// A page of ours may look another way tomorrow.
constexpr std::string_view kAWeek = "public, max-age=604800, stale-while-revalidate=2678400";
constexpr std::string_view kPageVersion = "1";
/// What a stranger put into a file runs nothing and reads nothing of this origin.
constexpr std::string_view kSandbox = "sandbox";
constexpr std::string_view kOwnPage =
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";
/// A value's page takes several times of its block, and waits in memory for who reads it.
constexpr std::size_t kMostShown = 256u << 10;

/// Notices that the source lacked a block: that is another thing than a path that leads nowhere.
class WatchedBlocks : public cid::Blocks {
 public:
  explicit WatchedBlocks(Source& source) : source_(source) {}

  Result<Bytes> get(const cid::Cid& cid) override {
    auto block = source_.get(cid);
    if (!block && block.error().category == ErrorCategory::NotFound) lacked_ = true;
    return block;
  }
  bool lacked() const { return lacked_; }

 private:
  Source& source_;
  bool lacked_ = false;
};

std::string entityTag(std::string_view tag) {
  return fmt::format("\"{}\"", tag);
}

class Answering {
 public:
  Answering(Source& source, const net::Request& request, Ask ask)
      : source_(source), blocks_(source), request_(request), ask_(std::move(ask)) {}

  Answer run() {
    auto resolved = cid::resolvePath(blocks_, ask_.root, ask_.path);
    if (!resolved) return failed(resolved.error());
    path_ = std::move(*resolved);
    switch (ask_.format) {
      case Format::Raw:
        return raw();
      case Format::Car:
        return car();
      default:
        break;
    }
    if (!path_.rest.empty()) {
      return text(501,
                  "the path ends inside a value: only links lead on, and the block itself is "
                  "to be had with ?format=raw");
    }
    switch (path_.cid.codec()) {
      case cid::Codec::Raw:
      case cid::Codec::DagPb:
        return unixFs();
      default:
        return value();
    }
  }

 private:
  // --- What every answer has.

  Answer text(int status, std::string_view message) const {
    Answer answer{net::textResponse(status, message), nullptr, {}};
    allowEveryOrigin(answer.response.headers);
    return answer;
  }

  Answer failed(const Error& error) const {
    switch (error.category) {
      case ErrorCategory::NotFound:
        return text(ask_.onlyIfCached && blocks_.lacked() ? 412 : 404, error.message);
      case ErrorCategory::Unsupported:
        return text(501, error.message);
      case ErrorCategory::Protocol:
        return text(422, error.message);
      default:
        return text(500, error.message);
    }
  }

  bool isHead() const { return request_.method == "HEAD"; }

  net::Response head(std::string contentType, const std::string& etag,
                     std::string_view caching = kForever) const {
    net::Response response;
    auto& headers = response.headers;
    headers.set("Content-Type", std::move(contentType));
    headers.set("X-Content-Type-Options", "nosniff");
    headers.set("Cache-Control", std::string(caching));
    headers.set("Content-Security-Policy", std::string(kSandbox));
    headers.set("X-Ipfs-Path", request_.path);
    std::string roots;
    for (const auto& root : path_.roots) roots += (roots.empty() ? "" : ",") + root.text();
    headers.set("X-Ipfs-Roots", std::move(roots));
    headers.set("ETag", etag);
    headers.set("Vary", "Accept");
    allowEveryOrigin(headers);
    return response;
  }

  void setDisposition(net::Response& response, bool attachment, const std::string& name) const {
    const auto& filename = ask_.filename.empty() ? name : ask_.filename;
    response.headers.set("Content-Disposition",
                         dispositionOf(attachment || ask_.download, filename));
  }

  /// True where the client has it already; the answer is then without a body.
  bool isKnown(net::Response& response) const {
    if (!namesTag(request_.headers.get("If-None-Match"), response.headers.get("ETag")))
      return false;
    response.status = 304;
    return true;
  }

  /// The asked range of `size` bytes; nullopt: it was refused.
  std::optional<ByteRange> ranged(net::Response& response, std::uint64_t size) const {
    response.headers.set("Accept-Ranges", "bytes");
    const bool holds = ifRangeHolds(request_.headers.get("If-Range"), response.headers.get("ETag"));
    const auto asked = parseRange(holds ? request_.headers.get("Range") : "", size);
    if (std::holds_alternative<UnsatisfiableRange>(asked)) {
      response = text(416, fmt::format("the content has {} bytes", size)).response;
      response.headers.set("Content-Range", fmt::format("bytes */{}", size));
      return std::nullopt;
    }
    const auto* part = std::get_if<ByteRange>(&asked);
    if (part == nullptr) return ByteRange{0, size};
    response.status = 206;
    response.headers.set("Content-Range", fmt::format("bytes {}-{}/{}", part->offset,
                                                      part->offset + part->length - 1, size));
    return *part;
  }

  Answer send(net::Response response, const Content& content) const {
    if (isKnown(response)) return {std::move(response), nullptr, {}};
    const auto range = ranged(response, contentSize(content));
    if (!range) return {std::move(response), nullptr, {}};
    if (const auto* region = std::get_if<net::FileRegion>(&content)) {
      response.body = net::FileRegion{region->file, region->offset + range->offset, range->length};
    } else {
      response.body = std::string(std::get<Bytes>(content).text().substr(
          static_cast<std::size_t>(range->offset), static_cast<std::size_t>(range->length)));
    }
    return {std::move(response), nullptr, {}};
  }

  Result<Content> blockContent(const cid::Cid& cid) {
    if (cid.isIdentity()) return Content(Bytes::copyOf(std::string_view(cid.hash().digest)));
    return source_.block(cid);
  }

  Answer lackedBlock(const Error& error) const {
    if (error.category == ErrorCategory::NotFound && ask_.onlyIfCached) {
      return text(412, error.message);
    }
    return failed(error);
  }

  // --- Trustless.

  Answer raw() {
    if (!path_.rest.empty())
      return text(501, "the path ends inside a value: no block has its name");
    const auto content = blockContent(path_.cid);
    if (!content) return lackedBlock(content.error());
    const auto cid = path_.cid.text();
    auto response = head("application/vnd.ipld.raw", entityTag(cid + ".raw"));
    setDisposition(response, true, cid + ".bin");
    return send(std::move(response), *content);
  }

  Answer car() {
    // The way is there; what is missing below ends the CAR too early, for all to see.
    if (!path_.cid.isIdentity()) {
      if (const auto block = blocks_.get(path_.cid); !block) return failed(block.error());
    }
    cid::DagWalkOptions options{
        .scope = ask_.car.scope, .bytes = ask_.car.bytes, .duplicates = ask_.car.duplicates};
    if (!path_.rest.empty()) options.scope = cid::DagScope::Block;
    const auto cid = path_.cid.text();
    auto response = head(fmt::format("application/vnd.ipld.car; version=1; order=dfs; dups={}",
                                     options.duplicates ? "y" : "n"),
                         carTag(options));
    response.headers.set("Accept-Ranges", "none");
    setDisposition(response, true, cid + ".car");
    Answer answer{std::move(response), nullptr, {}};
    if (isKnown(answer.response)) return answer;
    if (!isHead()) {
      answer.body = carBody(source_, std::move(path_), options);
    } else {
      answer.response.body = net::BodyWriter().body();  // of a length that nobody knows
    }
    return answer;
  }

  /// Weak: the same blocks, though not surely the same bytes.
  std::string carTag(const cid::DagWalkOptions& options) const {
    auto what = fmt::format("{} {} {}", ask_.root.text(), static_cast<int>(options.scope),
                            options.duplicates);
    if (options.bytes) {
      what += fmt::format(" {}:{}", options.bytes->from,
                          options.bytes->to ? fmt::to_string(*options.bytes->to) : "*");
    }
    what += "/" + ask_.path;
    const auto digest = cid::sha256(std::as_bytes(std::span(what)));
    return fmt::format("W/\"{}.car.{}\"", path_.cid.text(),
                       cid::hexText(std::span(digest).first(8)));
  }

  // --- Values.

  struct ValueFormat {
    std::string_view type;
    std::string_view tag;
  };

  /// The type that the asked format gives a block of this codec; nullopt: it would have to be made
  /// into another codec.
  std::optional<ValueFormat> valueFormat() const {
    const auto codec = path_.cid.codec();
    const bool dag = codec == cid::Codec::DagJson || codec == cid::Codec::DagCbor;
    const bool isJson = codec == cid::Codec::DagJson || codec == cid::Codec::Json;
    const ValueFormat plain =
        isJson ? ValueFormat{"application/json", "json"} : ValueFormat{"application/cbor", "cbor"};
    const ValueFormat native = isJson ? ValueFormat{"application/vnd.ipld.dag-json", "dag-json"}
                                      : ValueFormat{"application/vnd.ipld.dag-cbor", "dag-cbor"};
    if (ask_.format == Format::Page) return dag ? native : plain;
    if (ask_.format == (isJson ? Format::Json : Format::Cbor)) return plain;
    if (dag && ask_.format == (isJson ? Format::DagJson : Format::DagCbor)) return native;
    return std::nullopt;
  }

  Answer value() {
    const auto format = valueFormat();
    if (!format) {
      return text(406, fmt::format("{} is {}, and is sent as nothing else", path_.cid.text(),
                                   cid::codecName(path_.cid.codec())));
    }
    const auto content = blockContent(path_.cid);
    if (!content) return lackedBlock(content.error());
    const auto cid = path_.cid.text();
    if (ask_.html) {
      if (auto page = valuePreview()) return std::move(*page);
    }
    auto response =
        head(std::string(format->type), entityTag(fmt::format("{}.{}", cid, format->tag)));
    const bool isJson = format->tag.ends_with("json");
    setDisposition(response, !isJson, fmt::format("{}.{}", cid, isJson ? "json" : "cbor"));
    return send(std::move(response), *content);
  }

  /// Nothing for a plain cbor block that is no DAG-CBOR, and for a large one: it is sent as it is.
  std::optional<Answer> valuePreview() {
    const auto block = cid::readBlock(blocks_, path_.cid);
    if (!block) return lackedBlock(block.error());
    if (block->size() > kMostShown) return std::nullopt;
    const auto codec = path_.cid.codec();
    const bool isJson = codec == cid::Codec::DagJson || codec == cid::Codec::Json;
    std::string json(block->text());
    if (!isJson) {
      const auto read = cid::decodeDagCbor(block->view());
      if (!read) return std::nullopt;
      json = cid::encodeDagJson(*read);
    }
    auto response = pageHead("DagIndex");
    if (!isKnown(response)) response.body = valuePage(path_.cid, json);
    return Answer{std::move(response), nullptr, {}};
  }

  /// A page of ours, without its body.
  net::Response pageHead(std::string_view kind) const {
    auto response =
        head("text/html; charset=utf-8",
             entityTag(fmt::format("{}-{}_CID-{}", kind, kPageVersion, path_.cid.text())), kAWeek);
    response.headers.set("Content-Security-Policy", std::string(kOwnPage));
    return response;
  }

  // --- Files and folders.

  Answer unixFs() {
    if (ask_.format == Format::DagJson || ask_.format == Format::DagCbor) {
      return text(406, fmt::format("{} is {}, and is sent as nothing else", path_.cid.text(),
                                   cid::codecName(path_.cid.codec())));
    }
    if (auto whole = source_.wholeFile(path_.cid); whole && *whole) {
      return file(path_.cid, std::move(**whole));
    } else if (!whole) {
      return lackedBlock(whole.error());
    }
    if (path_.cid.codec() == cid::Codec::Raw) return file(path_.cid, std::nullopt);
    const auto block = cid::readBlock(blocks_, path_.cid);
    if (!block) return lackedBlock(block.error());
    const auto node = cid::decodeNode(block->view());
    if (!node) return failed(node.error());
    if (!cid::isUnixFs(*node)) {
      return text(406, "this is dag-pb without UnixFS: ask for its block with ?format=raw");
    }
    const auto entity = cid::readUnixFsEntity(*node);
    if (!entity) return failed(entity.error());
    if (std::holds_alternative<cid::FileNode>(*entity)) return file(path_.cid, std::nullopt);
    if (const auto* link = std::get_if<cid::SymlinkNode>(&*entity)) {
      return send(head("inode/symlink", entityTag(path_.cid.text())),
                  Bytes::copyOf(std::string_view(link->target)));
    }
    return folder();
  }

  Answer folder() {
    if (!ask_.folderPath) {
      auto answer = text(301, "a folder's address ends with a slash");
      const auto query = request_.query.empty() ? "" : "?" + request_.query;
      answer.response.headers.set("Location", request_.path + "/" + query);
      return answer;
    }
    const auto index = cid::findEntry(blocks_, path_.cid, "index.html");
    if (index) return indexFile(*index);
    if (index.error().category != ErrorCategory::NotFound || blocks_.lacked()) {
      return failed(index.error());
    }
    if (ask_.format != Format::Page) {
      return text(406, "this is a folder: ask for a file in it, or for its block with ?format=raw");
    }
    Answer answer{pageHead("DirIndex"), nullptr, {}};
    if (isKnown(answer.response)) return answer;
    auto page = std::make_unique<FolderPage>(
        source_, FolderPageText(ask_.root, ask_.path, path_.cid), path_.cid);
    if (const auto begun = page->begin(); !begun) return lackedBlock(begun.error());
    if (auto whole = page->whole()) {
      answer.response.body = std::move(*whole);
    } else {
      answer.body = std::move(page);
    }
    return answer;
  }

  /// Under the tag of its folder.
  Answer indexFile(const cid::Cid& index) {
    auto whole = source_.wholeFile(index);
    if (!whole) return lackedBlock(whole.error());
    return file(index, std::move(*whole), "index.html");
  }

  Answer file(const cid::Cid& cid, std::optional<Content> whole, std::string_view name = {}) {
    if (!whole && cid.codec() == cid::Codec::Raw) {
      auto block = blockContent(cid);
      if (!block) return lackedBlock(block.error());
      whole = std::move(*block);
    }
    const auto size =
        whole ? Result<std::uint64_t>(contentSize(*whole)) : cid::fileSize(blocks_, cid);
    if (!size) return lackedBlock(size.error());
    const auto segment = std::string_view(ask_.path).substr(ask_.path.rfind('/') + 1);
    const std::string_view ending = !ask_.filename.empty() ? ask_.filename
                                    : name.empty()         ? segment
                                                           : name;
    auto type = contentTypeOfFile(source_, cid, whole, *size, ending);
    if (!type) return lackedBlock(type.error());
    auto response = head(std::move(*type), entityTag(path_.cid.text()));
    if (!ask_.filename.empty() || ask_.download)
      setDisposition(response, false, std::string(ending));
    if (whole) return send(std::move(response), *whole);
    Answer answer{std::move(response), nullptr, {}};
    if (isKnown(answer.response)) return answer;
    const auto range = ranged(answer.response, *size);
    if (!range) return answer;
    answer.bodySize = range->length;
    answer.body = fileBody(source_, cid, range->offset, range->length);
    return answer;
  }

  Source& source_;
  WatchedBlocks blocks_;
  const net::Request& request_;
  Ask ask_;
  cid::ResolvedPath path_;
};

Answer refused(const Error& error) {
  const int status = error.category == ErrorCategory::Unsupported ? 406 : 400;
  Answer answer{net::textResponse(status, error.message), nullptr, {}};
  allowEveryOrigin(answer.response.headers);
  return answer;
}

}  // namespace

void allowEveryOrigin(net::Headers& headers) {
  headers.set("Access-Control-Allow-Origin", "*");
  headers.set("Access-Control-Allow-Methods", "GET, HEAD, OPTIONS");
  headers.set("Access-Control-Allow-Headers", "Content-Type, Range, User-Agent, X-Requested-With");
  headers.set("Access-Control-Expose-Headers",
              "Content-Range, Content-Length, X-Ipfs-Path, X-Ipfs-Roots, X-Chunked-Output, "
              "X-Stream-Output");
  headers.set("Cross-Origin-Resource-Policy", "cross-origin");
}

Answer answer(Source& source, const net::Request& request) {
  if (request.method == "OPTIONS") {
    Answer options;
    options.response.status = 204;
    allowEveryOrigin(options.response.headers);
    return options;
  }
  auto ask = readAsk(request);
  if (!ask) return refused(ask.error());
  return Answering(source, request, std::move(*ask)).run();
}

}  // namespace webpool::api::gateway
