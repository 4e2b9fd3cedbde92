#include "api/gateway/body.h"

#include <utility>
#include <vector>

#include "cid/car.h"

namespace webpool::api::gateway {
namespace {

class FileBody : public BodyReader {
 public:
  FileBody(Source& source, const cid::Cid& file, std::uint64_t offset, std::uint64_t length)
      : walk_(source, file,
              {.from = static_cast<std::int64_t>(offset),
               .to = static_cast<std::int64_t>(offset + length) - 1}),
        left_(length) {}

  Result<std::optional<std::string>> next() override {
    while (left_ > 0) {
      const auto step = walk_.next();
      if (!step) return std::unexpected(step.error());
      if (!*step) return fail(ErrorCategory::Protocol, "the file has fewer bytes than it says");
      if ((*step)->data.empty()) continue;
      left_ -= (*step)->data.size();
      return std::string((*step)->data.text());
    }
    return std::nullopt;
  }

 private:
  cid::FileWalk walk_;
  std::uint64_t left_;
};

class CarBody : public BodyReader {
 public:
  CarBody(Source& source, cid::ResolvedPath path, const cid::DagWalkOptions& options)
      : root_(path.cid), walk_(source, path.cid, options, std::move(path.way)) {}

  Result<std::optional<std::string>> next() override {
    if (!begun_) {
      begun_ = true;
      return cid::carHeader(std::vector{root_});
    }
    const auto step = walk_.next();
    if (!step) return std::unexpected(step.error());
    if (!*step) return std::nullopt;
    const auto& block = (*step)->block;
    auto section = cid::carSectionHead((*step)->cid, block.size());
    return section.append(block.text());
  }

 private:
  cid::Cid root_;
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
