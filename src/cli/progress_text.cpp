#include "cli/progress_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/terminal.h"

namespace webpool::cli {

std::string progressText(const Progress& progress) {
  constexpr std::size_t kColumns = 79;
  auto text = progress.step;
  if (!progress.detail.empty()) text += " " + progress.detail;
  if (progress.total == 0) return fitText(text, kColumns);
  const double share = std::min(1.0, double(progress.done) / double(progress.total));
  constexpr int kWidth = 20;
  const int full = static_cast<int>(share * kWidth);
  const auto bar =
      fmt::format(" [{}{}] {:3.0f} % of {}", std::string(full, '='),
                  std::string(kWidth - full, ' '), share * 100, bytesText(progress.total));
  const auto room = std::min<std::size_t>(40, kColumns - bar.size());
  text = fitText(text, room);
  return text.append(room - textWidth(text), ' ') + bar;
}

}  // namespace webpool::cli
