#include "cli/qr_code.h"

#include <qrencode.h>

#include <array>
#include <memory>

namespace webpool::cli {
namespace {

constexpr int kQuiet = 4;                                  // modules, as the standard wants
constexpr std::string_view kBlackOnWhite = "\033[97;40m";  // what is drawn is the light part
constexpr std::string_view kUsual = "\033[0m";

}  // namespace

std::string qrCodeText(std::string_view text, bool colour) {
  const std::string terminated(text);
  const std::unique_ptr<QRcode, void (*)(QRcode*)> code(
      QRcode_encodeString8bit(terminated.c_str(), 0, QR_ECLEVEL_L), QRcode_free);
  if (!code) return {};
  const int width = code->width;
  const auto isLight = [&](int x, int y) {
    const bool outside = x < 0 || y < 0 || x >= width || y >= width;
    return outside || (code->data[y * width + x] & 1) == 0;
  };
  static constexpr std::array<std::string_view, 4> kHalves{" ", "▄", "▀", "█"};
  std::string lines;
  for (int y = -kQuiet; y < width + kQuiet; y += 2) {
    if (colour) lines += kBlackOnWhite;
    for (int x = -kQuiet; x < width + kQuiet; ++x) {
      lines += kHalves[(isLight(x, y) ? 2u : 0u) + (isLight(x, y + 1) ? 1u : 0u)];
    }
    if (colour) lines += kUsual;
    lines += "\n";
  }
  return lines;
}

}  // namespace webpool::cli
