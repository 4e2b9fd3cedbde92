// A text as a QR code made of characters, so that a phone gets a long link by its camera.
#pragma once

#include <string>
#include <string_view>

namespace webpool::cli {

/// Lines of half-block characters (two rows of modules a line), a quiet zone around them. `colour`:
/// black on white whatever the terminal's colours are; without, right on dark terminals only. Empty
/// where the text is too long for a code.
std::string qrCodeText(std::string_view text, bool colour);

}  // namespace webpool::cli
