// What a GGUF file says of its model, read from its header: magic, version, metadata and where its
// tensors lie. Pure over bytes; the tensors themselves are not looked at. The format is that of
// llama.cpp's published specification, versions 2 and 3, little-endian.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "webpool/error.h"

namespace webpool::gguf {

struct ModelInfo {
  std::uint32_t version = 0;
  std::string architecture;  ///< "llama"
  std::string name;          ///< may be empty
  /// "q4_1", "q4_k_m", "fp16": `general.file_type`, else the type of most bytes.
  std::string quantisation;
  std::string chatTemplate;         ///< Jinja; empty: the model has none
  std::uint64_t contextLength = 0;  ///< tokens that it was trained on
  std::uint64_t blockCount = 0;     ///< layers
  std::uint64_t embeddingLength = 0;
  std::uint64_t headCount = 0;
  std::uint64_t headCountKv = 0;  ///< as headCount where the file does not tell
  std::uint64_t keyLength = 0;  ///< of one head; embeddingLength / headCount where it does not tell
  std::uint64_t valueLength = 0;
  std::uint64_t vocabulary = 0;    ///< tokens; 0 where they are not listed
  std::uint64_t longestToken = 0;  ///< bytes of text that one token can stand for
  std::uint64_t tensorCount = 0;
  std::uint64_t tensorBytes = 0;
  std::uint64_t partCount = 1;  ///< files that the model is split into
};

/// `file` is all of it. InvalidModel names what is wrong with it, Unsupported what is of another
/// version, byte order or type than llama.cpp here reads.
Result<ModelInfo> readModel(std::span<const std::byte> file);

/// The same of a file on the disk; errors name the path.
Result<ModelInfo> readModelFile(const std::filesystem::path& path);

}  // namespace webpool::gguf
