// The Content-Type of a file, by its name and its first bytes. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace webpool::api::gateway {

/// How many first bytes are looked at.
inline constexpr std::size_t kSniffed = 3072;

/// `head`: the file's first bytes, up to kSniffed; `size`: of the whole file. A name whose ending
/// is known holds; the bytes are asked otherwise.
std::string contentTypeOf(std::string_view name, std::string_view head, std::uint64_t size);

}  // namespace webpool::api::gateway
