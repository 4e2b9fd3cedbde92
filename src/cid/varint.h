// Unsigned LEB128 as multiformats and protobuf use it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "webpool/error.h"

namespace webpool::cid {

void appendVarint(std::string& out, std::uint64_t value);

std::size_t varintSize(std::uint64_t value) noexcept;

/// Takes one varint off the front of `bytes`. Protocol when it is truncated, longer than nine bytes
/// or not in its shortest form (multiformats asks for that; a CID has one spelling only).
Result<std::uint64_t> takeVarint(std::span<const std::byte>& bytes);

}  // namespace webpool::cid
