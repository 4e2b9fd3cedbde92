#include "onnx/tensor_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>

#include "onnx/protobuf.h"
#include "onnx/text.h"

namespace webpool::onnx {
namespace {

constexpr std::size_t kMaxRank = 32;

struct Raw {
  std::string_view name;
  std::int64_t typeId = 0;
  Shape dims;
  std::optional<std::string_view> raw;
  std::uint64_t typedValues = 0;  ///< numbers in float_data, int64_data and their like
  std::uint64_t stringBytes = 0;
  bool external = false;
  std::string_view location, offset, length;
};

std::uint64_t countVarints(std::string_view packed) {
  return static_cast<std::uint64_t>(std::ranges::count_if(
      packed, [](char c) { return (static_cast<unsigned char>(c) & 0x80) == 0; }));
}

void readExternal(std::string_view entry, Raw& out) {
  std::string_view key, value;
  auto reader = readerOf(entry);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case lengthField(1):
        key = toText(reader.get_view());
        break;
      case lengthField(2):
        value = toText(reader.get_view());
        break;
      default:
        reader.skip();
    }
  }
  if (key == "location") out.location = value;
  if (key == "offset") out.offset = value;
  if (key == "length") out.length = value;
}

Raw parse(std::string_view bytes) {
  Raw out;
  auto reader = readerOf(bytes);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case varintField(1):
        out.dims.push_back(reader.get_int64());
        break;
      case lengthField(1):
        for (const auto dim : reader.get_packed_int64()) out.dims.push_back(dim);
        break;
      case varintField(2):
        out.typeId = reader.get_int64();
        break;
      case lengthField(4):
        out.typedValues += reader.get_view().size() / sizeof(float);
        break;
      case lengthField(10):
        out.typedValues += reader.get_view().size() / sizeof(double);
        break;
      case lengthField(5):
      case lengthField(7):
      case lengthField(11):
        out.typedValues += countVarints(toText(reader.get_view()));
        break;
      case fixed32Field(4):
      case fixed64Field(10):
      case varintField(5):
      case varintField(7):
      case varintField(11):
        reader.skip();
        ++out.typedValues;
        break;
      case lengthField(6):
        out.stringBytes += reader.get_view().size();
        ++out.typedValues;
        break;
      case lengthField(8):
        out.name = toText(reader.get_view());
        break;
      case lengthField(9):
        out.raw = toText(reader.get_view());
        break;
      case lengthField(13):
        readExternal(toText(reader.get_view()), out);
        break;
      case varintField(14):
        out.external = reader.get_int64() == 1;
        break;
      default:
        reader.skip();
    }
    // A dimension costs a byte of the file but eight of memory.
    if (out.dims.size() > kMaxRank) break;
  }
  return out;
}

std::unexpected<Error> broken(const Raw& raw, std::string_view what) {
  const auto name = isUtf8(raw.name) ? raw.name : std::string_view("?");
  return fail(ErrorCategory::InvalidModel, fmt::format("damaged model: weight '{}' {}", name, what),
              "fetch the model file again, or export it anew");
}

/// A relative path that stays in the model's folder on every system.
bool isSafeLocation(std::string_view path) {
  if (path.empty() || path.front() == '/' || !isUtf8(path) || path.size() > 4096) return false;
  const auto bad = [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == '\\' || c == ':' || c == '*';
  };
  if (std::ranges::any_of(path, bad)) return false;
  while (true) {
    const auto slash = path.find('/');
    const auto part = path.substr(0, slash);
    if (part == ".." || part.empty()) return false;
    if (slash == std::string_view::npos) return true;
    path.remove_prefix(slash + 1);
  }
}

bool parseSize(std::string_view text, std::uint64_t& out) {
  if (text.empty()) return true;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc{} && end == text.data() + text.size();
}

Result<void> checkExternal(const Raw& raw, WeightInfo& info) {
  if (!isSafeLocation(raw.location)) {
    return broken(raw, "names an external file outside the model's folder, or none");
  }
  std::uint64_t length = info.bytes;
  std::uint64_t end = 0;
  if (!parseSize(raw.offset, info.offset) || !parseSize(raw.length, length)) {
    return broken(raw, "has an external offset or length that is no number");
  }
  if (length != info.bytes) {
    return broken(raw, fmt::format("needs {} bytes, its external data has {}", info.bytes, length));
  }
  if (__builtin_add_overflow(info.offset, info.bytes, &end)) {
    return broken(raw, "lies at an impossible offset");
  }
  info.location = raw.location;
  return {};
}

Result<void> checkInline(const Raw& raw, const WeightInfo& info, std::uint64_t count) {
  if (raw.raw) {
    if (raw.raw->size() != info.bytes) {
      return broken(raw, fmt::format("is {} {} and needs {} bytes, it has {}", info.type.name,
                                     shapeText(raw.dims), info.bytes, raw.raw->size()));
    }
    return {};
  }
  const bool complex = info.type.name.starts_with("COMPLEX");
  const auto values = complex ? raw.typedValues / 2 : raw.typedValues;
  const bool packed = info.type.bits > 0 && info.type.bits < 8;  // several in one number
  if (packed ? (values == 0) != (count == 0) : values != count) {
    return broken(raw, fmt::format("is {} {} and needs {} values, it has {}", info.type.name,
                                   shapeText(raw.dims), count, values));
  }
  return {};
}

}  // namespace

Result<WeightInfo> readWeight(std::string_view tensorProto) {
  const auto raw = parse(tensorProto);
  if (raw.dims.size() > kMaxRank) return broken(raw, "has more than 32 dimensions");
  WeightInfo info;
  info.name = raw.name;
  const auto* type = findElementType(raw.typeId);
  if (type == nullptr) return broken(raw, fmt::format("has the unknown type {}", raw.typeId));
  info.type = *type;
  const auto count = elementCount(raw.dims);
  std::uint64_t bits = 0;
  if (!count || __builtin_mul_overflow(*count, std::uint64_t{type->bits}, &bits)) {
    return broken(raw, fmt::format("has the impossible shape {}", shapeText(raw.dims)));
  }
  info.bytes = type->bits == 0 ? raw.stringBytes : bits / 8 + (bits % 8 != 0 ? 1 : 0);
  if (auto checked = raw.external ? checkExternal(raw, info) : checkInline(raw, info, *count);
      !checked) {
    return std::unexpected(checked.error());
  }
  return info;
}

}  // namespace webpool::onnx
