#include "gguf/quantisation.h"

#include <algorithm>
#include <array>
#include <utility>

namespace webpool::gguf {
namespace {

constexpr std::pair<std::uint32_t, TensorType> kTensorTypes[]{
    {0, {"fp32", 1, 4}},        {1, {"fp16", 1, 2}},        {2, {"q4_0", 32, 18}},
    {3, {"q4_1", 32, 20}},      {6, {"q5_0", 32, 22}},      {7, {"q5_1", 32, 24}},
    {8, {"q8_0", 32, 34}},      {9, {"q8_1", 32, 36}},      {10, {"q2_k", 256, 84}},
    {11, {"q3_k", 256, 110}},   {12, {"q4_k", 256, 144}},   {13, {"q5_k", 256, 176}},
    {14, {"q6_k", 256, 210}},   {15, {"q8_k", 256, 292}},   {16, {"iq2_xxs", 256, 66}},
    {17, {"iq2_xs", 256, 74}},  {18, {"iq3_xxs", 256, 98}}, {19, {"iq1_s", 256, 50}},
    {20, {"iq4_nl", 32, 18}},   {21, {"iq3_s", 256, 110}},  {22, {"iq2_s", 256, 82}},
    {23, {"iq4_xs", 256, 136}}, {24, {"int8", 1, 1}},       {25, {"int16", 1, 2}},
    {26, {"int32", 1, 4}},      {27, {"int64", 1, 8}},      {28, {"fp64", 1, 8}},
    {29, {"iq1_m", 256, 56}},   {30, {"bf16", 1, 2}},       {34, {"tq1_0", 256, 54}},
    {35, {"tq2_0", 256, 66}},   {39, {"mxfp4", 32, 17}},
};

constexpr std::pair<std::uint64_t, std::string_view> kFileTypes[]{
    {0, "fp32"},     {1, "fp16"},     {2, "q4_0"},    {3, "q4_1"},    {7, "q8_0"},
    {8, "q5_0"},     {9, "q5_1"},     {10, "q2_k"},   {11, "q3_k_s"}, {12, "q3_k_m"},
    {13, "q3_k_l"},  {14, "q4_k_s"},  {15, "q4_k_m"}, {16, "q5_k_s"}, {17, "q5_k_m"},
    {18, "q6_k"},    {19, "iq2_xxs"}, {20, "iq2_xs"}, {21, "q2_k_s"}, {22, "iq3_xs"},
    {23, "iq3_xxs"}, {24, "iq1_s"},   {25, "iq4_nl"}, {26, "iq3_s"},  {27, "iq3_m"},
    {28, "iq2_s"},   {29, "iq2_m"},   {30, "iq4_xs"}, {31, "iq1_m"},  {32, "bf16"},
    {36, "tq1_0"},   {37, "tq2_0"},   {38, "mxfp4"},
};

/// What file names call some types besides.
constexpr std::pair<std::string_view, std::string_view> kOtherNames[]{
    {"f32", "fp32"}, {"f16", "fp16"}, {"q3_k", "q3_k_m"}, {"q4_k", "q4_k_m"}, {"q5_k", "q5_k_m"}};

char lower(char letter) noexcept {
  return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
}

bool endsWith(std::string_view text, std::string_view ending) noexcept {
  return text.size() >= ending.size() &&
         std::ranges::equal(text.substr(text.size() - ending.size()), ending, {}, lower);
}

/// "-00001-of-00003" at the end is no part of the name.
std::string_view withoutPart(std::string_view stem) noexcept {
  constexpr std::string_view kForm = "-00000-of-00000";
  if (stem.size() <= kForm.size()) return stem;
  const auto tail = stem.substr(stem.size() - kForm.size());
  const bool fits = std::ranges::equal(tail, kForm, [](char have, char want) {
    return want == '0' ? have >= '0' && have <= '9' : have == want;
  });
  return fits ? stem.substr(0, stem.size() - kForm.size()) : stem;
}

}  // namespace

const TensorType* tensorType(std::uint32_t number) noexcept {
  for (const auto& [value, type] : kTensorTypes) {
    if (value == number) return &type;
  }
  return nullptr;
}

std::string_view fileTypeName(std::uint64_t number) noexcept {
  for (const auto& [value, name] : kFileTypes) {
    if (value == number) return name;
  }
  return {};
}

std::optional<FileName> partsOfName(std::string_view name) noexcept {
  constexpr std::string_view kEnding = ".gguf";
  if (name.size() <= kEnding.size() || !name.ends_with(kEnding)) return std::nullopt;
  const auto stem = withoutPart(name.substr(0, name.size() - kEnding.size()));
  FileName parts{stem, "gguf"};
  const auto take = [&](std::string_view ending, std::string_view dtype) {
    if (stem.size() < ending.size() + 2 || !endsWith(stem, ending)) return;
    const auto rest = stem.substr(0, stem.size() - ending.size());
    if (std::string_view("._-").contains(rest.back())) {
      parts = {rest.substr(0, rest.size() - 1), dtype};
    }
  };
  for (const auto& [number, type] : kFileTypes) take(type, type);
  for (const auto& [other, type] : kOtherNames) take(other, type);
  return parts;
}

}  // namespace webpool::gguf
