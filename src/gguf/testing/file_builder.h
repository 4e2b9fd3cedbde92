// GGUF files for tests, value by value.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gguf/header_reader.h"

namespace webpool::gguf::testing {

class FileBuilder {
 public:
  FileBuilder& text(std::string_view key, std::string_view value) {
    begin(key, ValueType::String);
    putText(values_, value);
    return *this;
  }
  FileBuilder& number(std::string_view key, std::uint32_t value) {
    begin(key, ValueType::Uint32);
    put(values_, value);
    return *this;
  }
  FileBuilder& floating(std::string_view key, float value) {
    begin(key, ValueType::Float32);
    put(values_, value);
    return *this;
  }
  FileBuilder& texts(std::string_view key, const std::vector<std::string>& list) {
    begin(key, ValueType::Array);
    put(values_, static_cast<std::uint32_t>(ValueType::String));
    put(values_, static_cast<std::uint64_t>(list.size()));
    for (const auto& value : list) putText(values_, value);
    return *this;
  }
  FileBuilder& numbers(std::string_view key, const std::vector<std::uint32_t>& list) {
    begin(key, ValueType::Array);
    put(values_, static_cast<std::uint32_t>(ValueType::Uint32));
    put(values_, static_cast<std::uint64_t>(list.size()));
    for (const auto value : list) put(values_, value);
    return *this;
  }
  FileBuilder& tensor(std::string_view name, const std::vector<std::uint64_t>& shape,
                      std::uint32_t type, std::uint64_t offset) {
    ++tensorCount;
    putText(tensors_, name);
    put(tensors_, static_cast<std::uint32_t>(shape.size()));
    for (const auto size : shape) put(tensors_, size);
    put(tensors_, type);
    put(tensors_, offset);
    return *this;
  }

  /// With so many bytes of tensors.
  std::string file(std::size_t dataBytes) const {
    std::string bytes = "GGUF";
    put(bytes, version);
    put(bytes, tensorCount);
    put(bytes, valueCount);
    bytes += values_ + tensors_;
    bytes.resize((bytes.size() + 31) / 32 * 32);
    return bytes + std::string(dataBytes, '\x01');
  }

  std::uint32_t version = 3;
  std::uint64_t tensorCount = 0;
  std::uint64_t valueCount = 0;

 private:
  template <class T>
  static void put(std::string& bytes, T value) {
    bytes.append(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  static void putText(std::string& bytes, std::string_view text) {
    put(bytes, static_cast<std::uint64_t>(text.size()));
    bytes += text;
  }
  void begin(std::string_view key, ValueType type) {
    ++valueCount;
    putText(values_, key);
    put(values_, static_cast<std::uint32_t>(type));
  }

  std::string values_;
  std::string tensors_;
};

/// A small model of llama's architecture: two layers, and two tensors of 640 and 128 bytes.
inline FileBuilder smallModel() {
  FileBuilder builder;
  builder.text("general.architecture", "llama")
      .text("general.name", "Small")
      .number("general.file_type", 3)
      .number("llama.context_length", 2048)
      .number("llama.block_count", 2)
      .number("llama.embedding_length", 64)
      .number("llama.attention.head_count", 4)
      .number("llama.attention.head_count_kv", 2)
      .floating("llama.rope.freq_base", 10000)
      .texts("tokenizer.ggml.tokens", {"a", "Paris", "", "longest"})
      .numbers("tokenizer.ggml.token_type", {1, 1, 3, 1})
      .text("tokenizer.chat_template", "{{ messages }}")
      .tensor("token_embd.weight", {64, 16}, 3, 0)
      .tensor("output_norm.weight", {32}, 0, 640);
  return builder;
}

inline std::span<const std::byte> bytesOf(const std::string& file) {
  return std::as_bytes(std::span(file));
}

}  // namespace webpool::gguf::testing
