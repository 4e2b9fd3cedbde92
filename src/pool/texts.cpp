#include "pool/texts.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cstring>
#include <utility>

#include "wire/utf8.h"

namespace webpool::pool {

namespace {

/// The first element of what is left of a BYTES tensor that was validated.
std::string_view takeString(std::string_view& rest) {
  std::uint32_t length = 0;
  if (rest.size() < sizeof(length)) return std::exchange(rest, {});
  std::memcpy(&length, rest.data(), sizeof(length));
  rest.remove_prefix(sizeof(length));
  const auto string = rest.substr(0, length);
  rest.remove_prefix(string.size());
  return string;
}

}  // namespace

Result<void> checkTexts(std::span<const std::string> texts) {
  if (texts.empty()) return fail(ErrorCategory::InvalidArgument, "no texts", "give at least one");
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (wire::isValidUtf8(texts[i])) continue;
    return fail(ErrorCategory::InvalidInput, fmt::format("text {} is not valid UTF-8", i + 1),
                "convert it to UTF-8, for example with iconv");
  }
  return {};
}

Result<void> checkTextInputs(std::span<const Tensor> inputs, bool readsTexts) {
  for (const auto& input : inputs) {
    if (input.type != DataType::Bytes) continue;
    std::size_t number = 0;
    for (auto rest = input.data.text(); !rest.empty();) {
      const auto text = takeString(rest);
      ++number;
      if (wire::isValidUtf8(text)) continue;
      return fail(ErrorCategory::InvalidInput,
                  fmt::format("element {} of input '{}' is not valid UTF-8", number, input.name),
                  "convert it to UTF-8, for example with iconv");
    }
    if (number > 0 || !readsTexts) continue;
    return fail(ErrorCategory::InvalidInput,
                fmt::format("input '{}' has no text in it", input.name), "give at least one");
  }
  return {};
}

Tensor textTensor(std::span<const std::string> texts) {
  std::string bytes;
  for (const auto& text : texts) {
    const auto length = static_cast<std::uint32_t>(text.size());
    bytes.append(reinterpret_cast<const char*>(&length), sizeof(length));
    bytes += text;
  }
  return {"text",
          DataType::Bytes,
          {static_cast<std::int64_t>(texts.size())},
          Bytes::adopt(std::move(bytes))};
}

std::vector<std::string> stringsOf(const Tensor& tensor) {
  std::vector<std::string> strings;
  auto rest = tensor.data.text();
  while (rest.size() >= sizeof(std::uint32_t)) strings.emplace_back(takeString(rest));
  return strings;
}

std::vector<std::uint64_t> tokenCounts(const Inference& answer) {
  boost::system::error_code error;
  const auto details = boost::json::parse(answer.details, error);
  const auto* object = error ? nullptr : details.if_object();
  const auto* told = object == nullptr ? nullptr : object->if_contains("tokens");
  const auto* list = told == nullptr ? nullptr : told->if_array();
  std::vector<std::uint64_t> counts;
  if (list == nullptr) return counts;
  for (const auto& value : *list) {
    const auto count = value.to_number<std::uint64_t>(error);
    if (error) return {};
    counts.push_back(count);
  }
  return counts;
}

std::vector<bool> cutTexts(const Inference& answer) {
  boost::system::error_code error;
  const auto details = boost::json::parse(answer.details, error);
  const auto* object = error ? nullptr : details.if_object();
  const auto* told = object == nullptr ? nullptr : object->if_contains("cut");
  const auto* list = told == nullptr ? nullptr : told->if_array();
  std::vector<bool> cut;
  if (list == nullptr) return cut;
  for (const auto& value : *list) cut.push_back(value == true);
  // Of a run that calls shared, what it told of the others' texts.
  if (std::ranges::find(cut, true) == cut.end()) cut.clear();
  return cut;
}

Result<Embeddings> embeddingsOf(const Inference& answer, std::size_t texts) {
  const auto& output = answer.outputs.empty() ? Tensor{} : answer.outputs.front();
  if (output.type != DataType::Fp32 || output.shape.size() != 2 ||
      output.shape[0] != static_cast<std::int64_t>(texts)) {
    return fail(ErrorCategory::Protocol, "the page's answer is no matrix with a row a text");
  }
  Embeddings embeddings{{}, answer.timings, answer.ranOn, tokenCounts(answer), cutTexts(answer)};
  const auto values = output.as<float>();
  const auto width = static_cast<std::size_t>(output.shape[1]);
  for (std::size_t i = 0; i < texts; ++i) {
    const auto row = values.subspan(i * width, width);
    embeddings.vectors.emplace_back(row.begin(), row.end());
  }
  if (!embeddings.tokens.empty() && embeddings.tokens.size() != texts) {
    return fail(ErrorCategory::Protocol, "the page's answer has not a count of tokens a text");
  }
  return embeddings;
}

std::vector<Tensor> sampleTexts() {
  const std::string sample = "A quick check that this backend computes what it should.";
  return {textTensor(std::span(&sample, 1))};
}

const boost::json::object& embeddingParameters() {
  static const boost::json::object parameters{{"pooling", "mean"}, {"normalize", true}};
  return parameters;
}

}  // namespace webpool::pool
