#include "api/openai/multipart.h"

#include <algorithm>
#include <cctype>

namespace webpool::api::openai {
namespace {

std::unexpected<Error> malformed(std::string message) {
  return fail(ErrorCategory::InvalidArgument, std::move(message),
              "send the request as multipart/form-data");
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// Up to the quote that closes it; `text` begins behind the one that opens.
std::string quoted(std::string_view& text) {
  std::string value;
  while (!text.empty()) {
    const char c = text.front();
    text.remove_prefix(1);
    if (c == '"') break;
    if (c == '\\' && !text.empty()) {
      value += text.front();
      text.remove_prefix(1);
    } else {
      value += c;
    }
  }
  return value;
}

/// Of `form-data; name="file"; filename="a.wav"`; empty for none.
std::string parameter(std::string_view header, std::string_view name) {
  while (true) {
    const auto semicolon = header.find(';');
    if (semicolon == std::string_view::npos) return {};
    header = header.substr(semicolon + 1);
    const auto equals = header.find('=');
    if (equals == std::string_view::npos) return {};
    const auto found = lower(trimmed(header.substr(0, equals)));
    header = trimmed(header.substr(equals + 1));
    std::string value;
    if (header.starts_with('"')) {
      header.remove_prefix(1);
      value = quoted(header);
    } else {
      value = trimmed(header.substr(0, header.find(';')));
    }
    if (found == name) return value;
  }
}

Result<FormPart> readPart(std::string_view text) {
  const auto end = text.find("\r\n\r\n");
  if (end == std::string_view::npos || end > kMostPartHeader) {
    return malformed("a part of the form has no end of its header");
  }
  FormPart part;
  part.data = text.substr(end + 4);
  auto lines = text.substr(0, end);
  while (!lines.empty()) {
    const auto stop = lines.find("\r\n");
    const auto line = lines.substr(0, stop);
    lines = stop == std::string_view::npos ? std::string_view{} : lines.substr(stop + 2);
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const auto name = lower(trimmed(line.substr(0, colon)));
    const auto value = trimmed(line.substr(colon + 1));
    if (name == "content-type") part.contentType = value;
    if (name != "content-disposition") continue;
    part.name = parameter(value, "name");
    part.filename = parameter(value, "filename");
  }
  if (part.name.empty()) return malformed("a part of the form has no name");
  return part;
}

}  // namespace

Result<std::vector<FormPart>> parseForm(std::string_view contentType, std::string_view body) {
  if (!lower(contentType).starts_with("multipart/form-data")) {
    return malformed("the request is no form");
  }
  const auto boundary = parameter(contentType, "boundary");
  if (boundary.empty() || boundary.size() > 70) {
    return malformed("the form's boundary is missing or longer than 70 bytes");
  }
  const auto opening = "--" + boundary;
  const auto between = "\r\n" + opening;
  // Text before the first boundary is no part.
  auto at = body.starts_with(opening) ? opening.size() : body.find(between);
  if (at == std::string_view::npos) return malformed("the form's boundary is not in it");
  if (!body.starts_with(opening)) at += between.size();
  std::vector<FormPart> parts;
  while (true) {
    auto rest = body.substr(at);
    if (rest.starts_with("--")) return parts;
    const auto line = rest.find("\r\n");
    if (line == std::string_view::npos || !trimmed(rest.substr(0, line)).empty()) {
      return malformed("something stands behind a boundary of the form");
    }
    if (parts.size() == kMostParts) return malformed("the form has more than 64 parts");
    const auto begin = at + line + 2;
    const auto end = body.find(between, begin);
    if (end == std::string_view::npos) return malformed("the last part of the form has no end");
    auto part = readPart(body.substr(begin, end - begin));
    if (!part) return std::unexpected(part.error());
    parts.push_back(std::move(*part));
    at = end + between.size();
  }
}

}  // namespace webpool::api::openai
