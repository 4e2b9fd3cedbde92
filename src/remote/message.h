// What travels between a program and the `webpool serve` that works for it: frames (src/wire), each
// behind its length, so that several make an answer that comes bit by bit. Pure.
#pragma once

#include <boost/json/object.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "wire/frame.h"

namespace webpool::remote {

/// InvalidInput and InvalidArgument as wire::encodeFrame().
Result<std::string> pack(boost::json::object header, std::span<const Tensor> inputs = {},
                         std::span<const Tensor> outputs = {});

/// The frames of a body that comes in pieces of any size.
class Unpacker {
 public:
  void add(std::string_view piece) { waiting_ += piece; }
  /// The next frame that is whole; nullopt: more must come. Protocol for what is no frame.
  Result<std::optional<wire::Frame>> next();
  /// Nothing of a further frame has come.
  bool isBetween() const { return waiting_.empty(); }

 private:
  std::string waiting_;
};

/// Of a body that is one frame. Protocol for what is none, or more.
Result<wire::Frame> unpack(std::string_view body);

}  // namespace webpool::remote
