#include "api/gateway/accept.h"

#include <algorithm>
#include <charconv>

namespace webpool::api::gateway {
namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::string lowered(std::string_view text) {
  std::string result(text);
  for (auto& letter : result) {
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
  }
  return result;
}

/// The part before the next separator, taken off the front.
std::string_view takePart(std::string_view& text, char separator) {
  const auto part = text.substr(0, text.find(separator));
  text.remove_prefix(std::min(text.size(), part.size() + 1));
  return trimmed(part);
}

/// In thousandths, as the standard has them; 0 for what is no number.
int quality(std::string_view text) {
  double value = 0;
  const auto* const end = text.data() + text.size();
  const auto [last, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || last != end || !(value >= 0 && value <= 1)) return 0;
  return static_cast<int>(value * 1000 + 0.5);
}

}  // namespace

std::vector<AcceptedType> acceptedTypes(std::string_view header) {
  std::vector<std::pair<int, AcceptedType>> rated;
  constexpr std::size_t kMost = 64;
  while (!header.empty() && rated.size() < kMost) {
    auto item = takePart(header, ',');
    AcceptedType accepted;
    accepted.type = lowered(takePart(item, ';'));
    int rating = 1000;
    while (!item.empty()) {
      auto parameter = takePart(item, ';');
      const auto name = lowered(takePart(parameter, '='));
      if (parameter.size() > 1 && parameter.starts_with('"') && parameter.ends_with('"')) {
        parameter = parameter.substr(1, parameter.size() - 2);
      }
      if (name == "q") {
        rating = quality(parameter);
      } else if (!name.empty()) {
        accepted.parameters.emplace(name, parameter);
      }
    }
    if (!accepted.type.empty() && rating > 0) rated.emplace_back(rating, std::move(accepted));
  }
  // Insertion keeps the order of equals; a header has few types.
  for (std::size_t i = 1; i < rated.size(); ++i) {
    for (auto at = i; at > 0 && rated[at - 1].first < rated[at].first; --at) {
      std::swap(rated[at - 1], rated[at]);
    }
  }
  std::vector<AcceptedType> types;
  for (auto& [rating, type] : rated) types.push_back(std::move(type));
  return types;
}

}  // namespace webpool::api::gateway
