#include "remote/message.h"

#include <cstdint>
#include <utility>

namespace webpool::remote {
namespace {

constexpr std::size_t kLengthBytes = 8;

}  // namespace

Result<std::string> pack(boost::json::object header, std::span<const Tensor> inputs,
                         std::span<const Tensor> outputs) {
  const auto pieces = wire::encodeFrame(std::move(header), inputs, outputs);
  if (!pieces) return std::unexpected(pieces.error());
  const auto size = wire::frameSize(*pieces);
  std::string packed;
  packed.reserve(kLengthBytes + size);
  for (std::size_t i = 0; i < kLengthBytes; ++i) packed += static_cast<char>(size >> (8 * i) & 255);
  for (const auto& piece : *pieces) packed += piece.text();
  return packed;
}

Result<std::optional<wire::Frame>> Unpacker::next() {
  if (waiting_.size() < kLengthBytes) return std::nullopt;
  std::uint64_t size = 0;
  for (std::size_t i = kLengthBytes; i-- > 0;) {
    size = size << 8 | static_cast<unsigned char>(waiting_[i]);
  }
  if (size > wire::Limits{}.maxFrame) {
    return fail(ErrorCategory::Protocol, "the other side's message is longer than any may be");
  }
  if (waiting_.size() - kLengthBytes < size) return std::nullopt;
  auto rest = waiting_.substr(kLengthBytes + size);
  waiting_.resize(kLengthBytes + size);
  const auto whole = Bytes::adopt(std::exchange(waiting_, std::move(rest)));
  auto frame = wire::decodeFrame(whole.slice(kLengthBytes, size));
  if (!frame) return std::unexpected(frame.error());
  return std::move(*frame);
}

Result<wire::Frame> unpack(std::string_view body) {
  Unpacker unpacker;
  unpacker.add(body);
  auto frame = unpacker.next();
  if (!frame) return std::unexpected(frame.error());
  if (!*frame || !unpacker.isBetween()) {
    return fail(ErrorCategory::Protocol, "the other side's message is not one whole frame");
  }
  return std::move(**frame);
}

}  // namespace webpool::remote
