#include "api/openai/transcript_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace webpool::api::openai {
namespace {

std::string time(double seconds, char point) {
  const auto all = std::llround(std::max(0.0, seconds) * 1000);
  return fmt::format("{:02}:{:02}:{:02}{}{:03}", all / 3'600'000, all / 60'000 % 60,
                     all / 1000 % 60, point, all % 1000);
}

std::string body(const TranscriptSegment& segment, char point) {
  const auto text =
      segment.text.substr(std::min(segment.text.find_first_not_of(' '), segment.text.size()));
  return fmt::format("{} --> {}\n{}\n\n", time(segment.start, point), time(segment.end, point),
                     text);
}

}  // namespace

std::string subRip(const Transcript& transcript) {
  std::string text;
  std::size_t number = 0;
  for (const auto& segment : transcript.segments) {
    text += fmt::format("{}\n{}", ++number, body(segment, ','));
  }
  return text;
}

std::string webVtt(const Transcript& transcript) {
  std::string text = "WEBVTT\n\n";
  for (const auto& segment : transcript.segments) text += body(segment, '.');
  return text;
}

}  // namespace webpool::api::openai
