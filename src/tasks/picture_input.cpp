#include "tasks/picture_input.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <cmath>
#include <utility>

namespace webpool::tasks {
namespace {

namespace json = boost::json;

constexpr std::int64_t kMostPixelsASide = 4096;

struct Sides {
  std::size_t width = 0;
  std::size_t height = 0;
  std::size_t shortest = 0;
};

std::unexpected<Error> odd(std::string_view key) {
  return fail(
      ErrorCategory::InvalidModel,
      fmt::format("preprocessor_config.json: \"{}\" is missing or not what it should be", key));
}

std::size_t side(const json::value* value) {
  const auto* number = value != nullptr ? value->if_int64() : nullptr;
  const bool good = number != nullptr && *number > 0 && *number <= kMostPixelsASide;
  return good ? static_cast<std::size_t>(*number) : 0;
}

/// A number, {"height", "width"} or {"shortest_edge"}.
Sides sidesOf(const json::value* value) {
  if (value == nullptr) return {};
  if (!value->is_object()) return {side(value), side(value), 0};
  const auto& object = value->get_object();
  return {side(object.if_contains("width")), side(object.if_contains("height")),
          side(object.if_contains("shortest_edge"))};
}

bool flag(const json::object& object, std::string_view key, bool otherwise) {
  const auto* value = object.if_contains(key);
  return value != nullptr && value->is_bool() ? value->get_bool() : otherwise;
}

bool readTriple(const json::object& object, std::string_view key, std::array<float, 3>& to) {
  const auto* value = object.if_contains(key);
  if (value == nullptr || !value->is_array() || value->get_array().size() != 3) return false;
  for (std::size_t i = 0; i < 3; ++i) {
    if (!value->get_array()[i].is_number()) return false;
    to[i] = static_cast<float>(value->get_array()[i].to_number<double>());
  }
  return true;
}

/// Pillow's numbers.
std::optional<Filter> filterOf(const json::value* value) {
  const auto* number = value != nullptr ? value->if_int64() : nullptr;
  if (number == nullptr) return Filter::Bilinear;
  switch (*number) {
    case 0:
      return Filter::Nearest;
    case 1:
      return Filter::Lanczos;
    case 2:
      return Filter::Bilinear;
    case 3:
      return Filter::Bicubic;
    default:
      return std::nullopt;
  }
}

}  // namespace

Result<PictureInput> PictureInput::read(std::string_view preprocessor) {
  boost::system::error_code error;
  const auto document = json::parse(preprocessor, error);
  if (error || !document.is_object()) {
    return fail(ErrorCategory::InvalidModel, "preprocessor_config.json is no JSON object");
  }
  const auto& object = document.get_object();
  PictureInput input;
  input.resize_ = flag(object, "do_resize", true);
  const auto size = sidesOf(object.if_contains("size"));
  input.width_ = size.width;
  input.height_ = size.height;
  input.shortestEdge_ = size.shortest;
  input.crop_ = flag(object, "do_center_crop", false);
  if (input.crop_) {
    const auto crop = sidesOf(object.if_contains("crop_size"));
    if (crop.width == 0 || crop.height == 0) return odd("crop_size");
    input.cropWidth_ = crop.width;
    input.cropHeight_ = crop.height;
  }
  const bool whole = size.width > 0 && size.height > 0;
  if (!input.resize_ ? !input.crop_ : !whole && (size.shortest == 0 || !input.crop_)) {
    return odd("size");
  }
  const auto filter = filterOf(object.if_contains("resample"));
  if (!filter) return odd("resample");
  input.filter_ = *filter;
  if (!flag(object, "do_rescale", true) || flag(object, "do_pad", false)) {
    return fail(ErrorCategory::Unsupported,
                "preprocessor_config.json asks for pictures that are padded or not rescaled",
                "run the model with task \"tensors\"");
  }
  if (const auto* factor = object.if_contains("rescale_factor");
      factor != nullptr &&
      (!factor->is_number() || std::abs(factor->to_number<double>() * 255 - 1) > 1e-3)) {
    return fail(ErrorCategory::Unsupported,
                "preprocessor_config.json: only a rescale_factor of 1/255 is known here",
                "run the model with task \"tensors\"");
  }
  if (flag(object, "do_normalize", true)) {
    auto& [mean, deviation, blueFirst] = input.normalisation_;
    if (!readTriple(object, "image_mean", mean)) return odd("image_mean");
    if (!readTriple(object, "image_std", deviation)) return odd("image_std");
    for (const auto one : deviation) {
      if (!(one > 0)) return odd("image_std");
    }
  }
  return input;
}

void PictureInput::write(const Picture& picture, float* to) const {
  auto shown = picture;
  if (resize_ && shortestEdge_ > 0) {
    // What is cut out is about square: of a long strip the middle is enough, and its whole would
    // fill the memory.
    constexpr std::size_t kMostRatio = 32;
    const auto most = kMostRatio * std::min(picture.width, picture.height);
    if (std::max(picture.width, picture.height) > most) {
      shown = centreCrop(picture, std::min(picture.width, most), std::min(picture.height, most));
    }
    const bool upright = shown.height > shown.width;
    const auto shorter = upright ? shown.width : shown.height;
    const auto longer = upright ? shown.height : shown.width;
    const auto scaled = shortestEdge_ * longer / shorter;
    shown = resampled(shown, upright ? shortestEdge_ : scaled, upright ? scaled : shortestEdge_,
                      filter_);
  } else if (resize_) {
    shown = resampled(picture, width_, height_, filter_);
  }
  if (crop_) shown = centreCrop(shown, cropWidth_, cropHeight_);
  writePlanes(shown, normalisation_, shown.width, to);
}

}  // namespace webpool::tasks
