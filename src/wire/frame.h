// One binary WebSocket message: prefix, JSON header, tensors (docs/protocol.md, "Frame"). Pure:
// bytes in, values out, and back. No tensor is copied in either direction.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <boost/json/object.hpp>

#include "webpool/error.h"
#include "webpool/tensor.h"
#include "wire/limits.h"

namespace webpool::wire {

struct Frame {
  boost::json::object header;
  /// The entries of the header's `inputs` that carry data, as slices of the frame.
  std::vector<Tensor> inputs;
  std::vector<Tensor> outputs;
};

/// The frame in pieces: prefix and header, then each tensor's own Bytes with zeros between them.
/// Lists of tensors are added to the header under `inputs` and `outputs`; an empty list is added
/// only where the header has that key. InvalidInput for a tensor that contradicts itself,
/// InvalidArgument for text that is not UTF-8 or a frame beyond the limits.
Result<std::vector<Bytes>> encodeFrame(boost::json::object header,
                                       std::span<const Tensor> inputs = {},
                                       std::span<const Tensor> outputs = {},
                                       const Limits& limits = {});

/// Protocol errors carry the reason code of docs/protocol.md at the start of their message. The
/// tensors share the frame's memory; only a frame at an address that is no multiple of 8 is copied.
Result<Frame> decodeFrame(const Bytes& frame, const Limits& limits = {});

/// Bytes of all pieces.
std::uint64_t frameSize(std::span<const Bytes> pieces) noexcept;

/// The pieces as one buffer, for tests and for transports that can't gather.
Bytes joinFrame(std::span<const Bytes> pieces);

}  // namespace webpool::wire
