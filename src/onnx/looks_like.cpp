#include "onnx/looks_like.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "onnx/text.h"

namespace webpool::onnx {
namespace {

using namespace std::string_view_literals;

constexpr std::size_t kHead = 512;
constexpr auto kConvert = "convert it to ONNX first, or take the model's .onnx file"sv;
constexpr auto kUnpack = "unpack it and give the .onnx file inside"sv;
constexpr auto kDownload = "fetch the model file again; the source answered with a page"sv;

struct Magic {
  std::size_t offset;
  std::string_view bytes;
  std::string_view what;
  std::string_view hint;
};

constexpr std::array kMagics{
    Magic{0, "PK\x03\x04"sv, "a ZIP archive (a .zip, .jar, .npz or PyTorch file)", kUnpack},
    Magic{0, "PK\x05\x06"sv, "an empty ZIP archive", kUnpack},
    Magic{0, "\x1f\x8b"sv, "a gzip file", kUnpack},
    Magic{0, "\x28\xb5\x2f\xfd"sv, "a zstd file", kUnpack},
    Magic{0,
          "\xfd"
          "7zXZ\0"sv,
          "an xz file", kUnpack},
    Magic{0, "7z\xbc\xaf\x27\x1c"sv, "a 7z archive", kUnpack},
    Magic{257, "ustar"sv, "a tar archive", kUnpack},
    Magic{0, "GGUF"sv, "a GGUF file (llama.cpp)", "give an .onnx file; GGUF is another format"},
    Magic{4, "ORTM"sv, "an .ort file (ONNX Runtime's own format)", "give the .onnx file instead"},
    Magic{4, "TFL3"sv, "a TensorFlow Lite model", kConvert},
    Magic{0, "\x89HDF\r\n\x1a\n"sv, "an HDF5 file (Keras)", kConvert},
    Magic{0, "\x80\x02"sv, "a Python pickle (PyTorch)", kConvert},
    Magic{0, "\x80\x03"sv, "a Python pickle (PyTorch)", kConvert},
    Magic{0, "\x80\x04"sv, "a Python pickle (PyTorch)", kConvert},
    Magic{0, "\x93NUMPY"sv, "a NumPy array (.npy)", "give an .onnx file"},
    Magic{0, "version https://git-lfs"sv, "a Git LFS pointer, not the file itself",
          "fetch the content with `git lfs pull`"},
    Magic{0,
          "\x7f"
          "ELF"sv,
          "a Linux program or library", "give an .onnx file"},
    Magic{0, "\0asm"sv, "a WebAssembly module", "give an .onnx file"},
    Magic{0, "%PDF"sv, "a PDF document", "give an .onnx file"},
    Magic{0, "\x89PNG"sv, "a PNG picture", "give an .onnx file"},
    Magic{0, "\xff\xd8\xff"sv, "a JPEG picture", "give an .onnx file"},
    Magic{0, "RIFF"sv, "a RIFF file (WAV or WebP)", "give an .onnx file"},
};

std::string lowerCase(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return lower;
}

bool isSafetensors(std::string_view head) {
  if (head.size() < 10 || head[8] != '{') return false;
  std::uint64_t headerSize = 0;
  std::memcpy(&headerSize, head.data(), sizeof(headerSize));
  return headerSize < (1u << 27);
}

/// Printable text; a character that `head` cuts in two does not count against it.
bool isText(std::string_view head, bool whole) {
  const auto control = [](char c) {
    return static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\r' && c != '\t';
  };
  if (std::ranges::any_of(head, control)) return false;
  for (std::size_t cut = 0; cut < 4 && cut < head.size(); ++cut) {
    if (isUtf8(head.substr(0, head.size() - cut))) return true;
    if (whole) return false;
  }
  return false;
}

}  // namespace

Looks looksLike(std::span<const std::byte> bytes) {
  if (bytes.empty()) return {"an empty file", "check that the download or copy finished"};
  const auto size = std::min(bytes.size(), kHead);
  const std::string_view head(reinterpret_cast<const char*>(bytes.data()), size);
  for (const auto& magic : kMagics) {
    if (head.size() >= magic.offset && head.substr(magic.offset).starts_with(magic.bytes)) {
      return {std::string(magic.what), std::string(magic.hint)};
    }
  }
  if (isSafetensors(head))
    return {"a safetensors file (weights without a graph)", std::string(kConvert)};
  if (std::ranges::all_of(head, [](char c) { return c == '\0'; })) {
    return {"zeros only", "the file was not written to its end; fetch it again"};
  }
  if (!isText(head, size == bytes.size())) return {};
  const auto start =
      lowerCase(head.substr(std::min(head.find_first_not_of(" \r\n\t\xef\xbb\xbf"), head.size())));
  if (start.starts_with("<!doctype html") || start.starts_with("<html")) {
    return {"an HTML page", std::string(kDownload)};
  }
  if (start.starts_with("<")) return {"an XML or HTML document", std::string(kDownload)};
  if (start.starts_with("{") || start.starts_with("[")) return {"JSON text", "give the .onnx file"};
  return {"plain text", "give the .onnx file"};
}

}  // namespace webpool::onnx
