#include "api/gateway/body.h"

#include <sys/stat.h>

#include <utility>
#include <vector>

#include "cid/car.h"

namespace webpool::api::gateway {
namespace {

bool isSameFile(const base::FileDescriptor& a, const base::FileDescriptor& b) {
  struct stat one{};
  struct stat other{};
  return ::fstat(a.get(), &one) == 0 && ::fstat(b.get(), &other) == 0 &&
         one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

/// Remembers where the leaf lies whose size was asked for last, so that it is sent from there.
class LeafPlaces : public cid::Blocks {
 public:
  explicit LeafPlaces(Source& source) : source_(source) {}

  Result<Bytes> get(const cid::Cid& cid) override { return source_.get(cid); }

  Result<std::uint64_t> sizeOf(const cid::Cid& cid) override {
    auto content = source_.block(cid);
    if (!content) return std::unexpected(content.error());
    // One open file for all leaves of it that wait to be sent.
    auto* region = std::get_if<net::FileRegion>(&*content);
    const auto* before = std::get_if<net::FileRegion>(&last_);
    if (region && before && isSameFile(*region->file, *before->file)) region->file = before->file;
    last_ = std::move(*content);
    return contentSize(last_);
  }

  /// Bytes [begin, end) of it, behind `text`.
  Piece piece(std::string text, std::uint64_t begin, std::uint64_t end) const {
    if (const auto* region = std::get_if<net::FileRegion>(&last_)) {
      return {std::move(text), net::FileRegion{region->file, region->offset + begin, end - begin}};
    }
    text += std::get<Bytes>(last_).text().substr(static_cast<std::size_t>(begin),
                                                 static_cast<std::size_t>(end - begin));
    return {std::move(text)};
  }

 private:
  Source& source_;
  Content last_;
};

bool isLeaf(const cid::Cid& cid) {
  return cid.codec() == cid::Codec::Raw && !cid.isIdentity();
}

class FileBody : public BodyReader {
 public:
  FileBody(Source& source, const cid::Cid& file, std::uint64_t offset, std::uint64_t length)
      : places_(source),
        walk_(places_, file,
              {.from = static_cast<std::int64_t>(offset),
               .to = static_cast<std::int64_t>(offset + length) - 1},
              false, false),
        left_(length) {}

  Result<std::optional<Piece>> next() override {
    while (left_ > 0) {
      const auto step = walk_.next();
      if (!step) return std::unexpected(step.error());
      if (!*step) return fail(ErrorCategory::Protocol, "the file has fewer bytes than it says");
      const bool leaf = isLeaf((*step)->cid);
      const auto& asked = (*step)->asked;
      const auto size = leaf ? asked.end - asked.begin : (*step)->data.size();
      if (size == 0) continue;
      left_ -= size;
      if (leaf) return places_.piece({}, asked.begin, asked.end);
      return Piece{std::string((*step)->data.text())};
    }
    return std::nullopt;
  }

 private:
  LeafPlaces places_;
  cid::FileWalk walk_;
  std::uint64_t left_;
};

class CarBody : public BodyReader {
 public:
  CarBody(Source& source, cid::ResolvedPath path, cid::DagWalkOptions options)
      : root_(path.cid), places_(source), walk_(places_, path.cid, named(options), path.way) {}

  Result<std::optional<Piece>> next() override {
    if (!begun_) {
      begun_ = true;
      return Piece{cid::carHeader(std::vector{root_})};
    }
    const auto step = walk_.next();
    if (!step) return std::unexpected(step.error());
    if (!*step) return std::nullopt;
    auto head = cid::carSectionHead((*step)->cid, (*step)->size);
    if (isLeaf((*step)->cid)) return places_.piece(std::move(head), 0, (*step)->size);
    return Piece{head.append((*step)->block.text())};
  }

 private:
  static cid::DagWalkOptions named(cid::DagWalkOptions options) {
    options.leaves = false;
    return options;
  }

  cid::Cid root_;
  LeafPlaces places_;
  cid::DagWalk walk_;
  bool begun_ = false;
};

}  // namespace

std::unique_ptr<BodyReader> fileBody(Source& source, const cid::Cid& file, std::uint64_t offset,
                                     std::uint64_t length) {
  return std::make_unique<FileBody>(source, file, offset, length);
}

std::unique_ptr<BodyReader> carBody(Source& source, cid::ResolvedPath path,
                                    const cid::DagWalkOptions& options) {
  return std::make_unique<CarBody>(source, std::move(path), options);
}

}  // namespace webpool::api::gateway
