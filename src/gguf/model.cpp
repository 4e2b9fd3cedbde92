#include "gguf/model.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <string_view>
#include <system_error>
#include <vector>

#include "base/file.h"
#include "gguf/header_reader.h"
#include "gguf/quantisation.h"

namespace webpool::gguf {
namespace {

constexpr std::uint32_t kMagic = 0x46554747;  // "GGUF"
constexpr std::uint64_t kAlignment = 32;
constexpr std::uint64_t kMostText = 1 << 20;  // bytes of a name or of a chat template
constexpr std::uint64_t kMostDimensions = 4;
constexpr const char* kHint = "get the file again, whole, and add the model again";

std::unexpected<Error> wrong(std::string message) {
  return fail(ErrorCategory::InvalidModel, std::move(message), kHint);
}

std::unexpected<Error> cutOff() {
  return wrong("the GGUF header is cut off");
}

struct Span {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::string_view name;
};

class Reading {
 public:
  explicit Reading(std::span<const std::byte> file) : reader_(file), size_(file.size()) {}

  Result<ModelInfo> read() {
    if (auto start = readStart(); !start) return std::unexpected(start.error());
    if (auto metadata = readMetadata(); !metadata) return std::unexpected(metadata.error());
    if (auto tensors = readTensors(); !tensors) return std::unexpected(tensors.error());
    return finish();
  }

 private:
  Result<void> readStart() {
    const auto magic = reader_.number<std::uint32_t>();
    if (reader_.failed() || magic != kMagic) {
      return fail(ErrorCategory::InvalidModel, "it is no GGUF file: it does not begin with GGUF",
                  "give a .gguf file");
    }
    info_.version = reader_.number<std::uint32_t>();
    if (reader_.failed()) return cutOff();
    if (info_.version != 2 && info_.version != 3) {
      const bool swapped = (info_.version & 0xffff) == 0 && info_.version != 0;
      return fail(ErrorCategory::Unsupported,
                  swapped ? std::string("the GGUF file is big-endian")
                          : fmt::format("the GGUF file has version {}", info_.version),
                  "convert the model anew: versions 2 and 3, little-endian, are read");
    }
    info_.tensorCount = reader_.number<std::uint64_t>();
    valueCount_ = reader_.number<std::uint64_t>();
    if (reader_.failed()) return cutOff();
    // A tensor takes 24 bytes at least, a value 13.
    if (info_.tensorCount > reader_.left() / 24 || valueCount_ > reader_.left() / 13) {
      return wrong(
          fmt::format("the GGUF header counts {} tensors and {} values, more than the file "
                      "has room for",
                      info_.tensorCount, valueCount_));
    }
    return {};
  }

  Result<void> readMetadata() {
    for (std::uint64_t i = 0; i < valueCount_; ++i) {
      const auto key = reader_.text();
      const auto type = static_cast<ValueType>(reader_.number<std::uint32_t>());
      if (reader_.failed()) return cutOff();
      if (auto value = readValue(key, type); !value) return value;
      if (reader_.failed()) return cutOff();
    }
    if (alignment_ == 0 || (alignment_ & (alignment_ - 1)) != 0 || alignment_ > (1u << 20)) {
      return wrong(fmt::format("the GGUF file's alignment is {}", alignment_));
    }
    return {};
  }

  Result<void> readValue(std::string_view key, ValueType type) {
    const auto bad = [&] {
      return wrong(fmt::format("the GGUF value '{}' has a type that does not fit ({})",
                               key.substr(0, 100), static_cast<std::uint32_t>(type)));
    };
    if (key == "tokenizer.ggml.tokens") {
      if (type != ValueType::Array) return bad();
      return readTokens();
    }
    if (key == "general.architecture")
      return readText(type, info_.architecture) ? Result<void>{} : bad();
    if (key == "general.name") return readText(type, info_.name) ? Result<void>{} : bad();
    if (key == "tokenizer.chat_template") {
      return readText(type, info_.chatTemplate) ? Result<void>{} : bad();
    }
    if (key == "general.alignment")
      return reader_.integer(type, alignment_) ? Result<void>{} : bad();
    if (key == "general.file_type")
      return reader_.integer(type, fileType_) ? Result<void>{} : bad();
    if (key == "split.count")
      return reader_.integer(type, info_.partCount) ? Result<void>{} : bad();
    // "llama.context_length" and its like; those of some models are lists, a number for each layer.
    if (const auto dot = key.find('.'); dot != std::string_view::npos && type != ValueType::Array) {
      std::uint64_t value = 0;
      if (reader_.integer(type, value)) {
        numbers_[std::string(key)] = value;
        return {};
      }
    }
    return reader_.skip(type) ? Result<void>{} : bad();
  }

  bool readText(ValueType type, std::string& value) {
    if (type != ValueType::String) return false;
    value = reader_.text().substr(0, kMostText);
    return true;
  }

  Result<void> readTokens() {
    const auto [element, count] = reader_.arrayHead();
    if (reader_.failed()) return cutOff();
    if (element != ValueType::String) return wrong("the GGUF file's tokens are no texts");
    info_.vocabulary = count;
    for (std::uint64_t i = 0; i < count && !reader_.failed(); ++i) {
      info_.longestToken = std::max<std::uint64_t>(info_.longestToken, reader_.text().size());
    }
    return {};
  }

  Result<void> readTensors() {
    std::vector<Span> spans;
    std::map<std::string_view, std::uint64_t> byType;
    spans.reserve(info_.tensorCount);
    for (std::uint64_t i = 0; i < info_.tensorCount; ++i) {
      auto span = readTensor(byType);
      if (!span) return std::unexpected(span.error());
      spans.push_back(*span);
    }
    const auto start = (reader_.at() + alignment_ - 1) / alignment_ * alignment_;
    const auto room = start <= size_ ? size_ - start : 0;
    std::ranges::sort(spans, {}, &Span::begin);
    std::uint64_t end = 0;
    for (const auto& span : spans) {
      if (span.begin < end) {
        return wrong(fmt::format("the tensor '{}' overlaps another", span.name.substr(0, 100)));
      }
      end = span.end;
    }
    if (end > room) {
      return wrong(
          fmt::format("the GGUF file is cut off: its tensors take {} bytes, and {} are "
                      "there",
                      end, room));
    }
    const auto most =
        std::ranges::max_element(byType, {}, [](const auto& entry) { return entry.second; });
    if (most != byType.end()) info_.quantisation = most->first;
    return {};
  }

  Result<Span> readTensor(std::map<std::string_view, std::uint64_t>& byType) {
    const auto name = reader_.text();
    const auto dimensions = reader_.number<std::uint32_t>();
    const auto named = [&](std::string_view what) {
      return wrong(fmt::format("the tensor '{}' {}", name.substr(0, 100), what));
    };
    if (reader_.failed()) return cutOff();
    if (dimensions > kMostDimensions) return named(fmt::format("has {} dimensions", dimensions));
    std::array<std::uint64_t, kMostDimensions> shape{1, 1, 1, 1};
    for (std::uint32_t i = 0; i < dimensions; ++i) shape[i] = reader_.number<std::uint64_t>();
    const auto number = reader_.number<std::uint32_t>();
    const auto offset = reader_.number<std::uint64_t>();
    if (reader_.failed()) return cutOff();
    const auto* type = tensorType(number);
    if (type == nullptr) {
      return fail(ErrorCategory::Unsupported,
                  fmt::format("the tensor '{}' has type {}, which is not known",
                              name.substr(0, 100), number),
                  "convert the model to a type such as Q4_K_M or Q8_0");
    }
    if (shape[0] % type->blockElements != 0) {
      return named(fmt::format("has rows of {} elements, and {} has blocks of {}", shape[0],
                               type->name, type->blockElements));
    }
    std::uint64_t bytes = type->blockBytes;
    shape[0] /= type->blockElements;
    for (const auto size : shape) {
      if (__builtin_mul_overflow(bytes, size, &bytes)) return named("is larger than any file");
    }
    std::uint64_t end = 0;
    if (__builtin_add_overflow(offset, bytes, &end)) return named("lies beyond any file");
    if (offset % alignment_ != 0) {
      return named(fmt::format("lies at {}, which is no multiple of {}", offset, alignment_));
    }
    // No sum can overflow: no two overlap within a file, and a larger one is refused.
    byType[type->name] += std::min(bytes, size_);
    if (bytes > size_) return named("is larger than the file");
    info_.tensorBytes += bytes;
    return Span{offset, end, name};
  }

  std::uint64_t numberOf(std::string_view key, std::uint64_t otherwise = 0) const {
    const auto found = numbers_.find(info_.architecture + "." + std::string(key));
    return found == numbers_.end() ? otherwise : found->second;
  }

  Result<ModelInfo> finish() {
    if (info_.architecture.empty()) return wrong("the GGUF file names no architecture");
    if (const auto name = fileTypeName(fileType_); !name.empty()) info_.quantisation = name;
    info_.contextLength = numberOf("context_length");
    info_.blockCount = numberOf("block_count");
    info_.embeddingLength = numberOf("embedding_length");
    info_.headCount = numberOf("attention.head_count");
    info_.headCountKv = numberOf("attention.head_count_kv", info_.headCount);
    const auto perHead = info_.headCount == 0 ? 0 : info_.embeddingLength / info_.headCount;
    info_.keyLength = numberOf("attention.key_length", perHead);
    info_.valueLength = numberOf("attention.value_length", perHead);
    return std::move(info_);
  }

  HeaderReader reader_;
  std::uint64_t size_;
  ModelInfo info_;
  std::uint64_t valueCount_ = 0;
  std::uint64_t alignment_ = kAlignment;
  std::uint64_t fileType_ = std::numeric_limits<std::uint64_t>::max();
  std::map<std::string, std::uint64_t> numbers_;
};

Error prefixed(const std::filesystem::path& path, Error error) {
  error.message = fmt::format("{}: {}", path.native(), error.message);
  return error;
}

}  // namespace

Result<ModelInfo> readModel(std::span<const std::byte> file) {
  return Reading(file).read();
}

Result<ModelInfo> readModelFile(const std::filesystem::path& path) {
  std::error_code code;
  if (std::filesystem::exists(path, code) && !std::filesystem::is_regular_file(path, code)) {
    return fail(ErrorCategory::InvalidModel,
                fmt::format("{}: not a GGUF model: it is no plain file", path.native()),
                "give a .gguf file");
  }
  const auto file = base::openFile(path, O_RDONLY);
  if (!file) return std::unexpected(file.error());
  const auto size = std::filesystem::file_size(path, code);
  if (code) return std::unexpected(base::fileError("can't read", path, code.value()));
  if (size == 0) return std::unexpected(prefixed(path, cutOff().error()));
  void* mapped = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file->get(), 0);
  if (mapped == MAP_FAILED) return std::unexpected(base::fileError("can't read", path, errno));
  auto info = readModel({static_cast<const std::byte*>(mapped), size});
  ::munmap(mapped, size);
  if (!info) return std::unexpected(prefixed(path, std::move(info.error())));
  return info;
}

}  // namespace webpool::gguf
