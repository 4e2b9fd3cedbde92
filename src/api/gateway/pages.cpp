#include "api/gateway/pages.h"

#include <algorithm>

#include <fmt/format.h>

namespace webpool::api::gateway {
namespace {

constexpr std::string_view kHead =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{}</title>\n"
    "<style>body{{font:16px/1.5 sans-serif;margin:2em}}td{{padding:0 1.5em 0 0}}"
    ".ipfs-hash,pre{{font-family:monospace;overflow-wrap:anywhere}}</style>\n</head>\n<body>\n";
constexpr std::string_view kFoot = "</body>\n</html>\n";

std::string escaped(std::string_view text) {
  std::string out;
  for (const char letter : text) {
    switch (letter) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&#34;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += letter;
    }
  }
  return out;
}

std::string shortened(const std::string& cid) {
  return cid.size() <= 12 ? cid
                          : fmt::format("{}…{}", cid.substr(0, 4), cid.substr(cid.size() - 4));
}

std::string sizeText(const cid::Link& entry) {
  if (!entry.size) return "";
  constexpr std::string_view kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  auto size = static_cast<double>(*entry.size);
  std::size_t unit = 0;
  for (; size >= 1024 && unit + 1 < std::size(kUnits); ++unit) size /= 1024;
  return unit == 0 ? fmt::format("{} B", *entry.size)
                   : fmt::format("{:.1f} {}", size, kUnits[unit]);
}

}  // namespace

std::string percentEncoded(std::string_view text) {
  std::string out;
  for (const char letter : text) {
    const bool plain = (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
                       (letter >= '0' && letter <= '9') ||
                       std::string_view("-._~").find(letter) != std::string_view::npos;
    out +=
        plain ? std::string(1, letter) : fmt::format("%{:02X}", static_cast<unsigned char>(letter));
  }
  return out;
}

FolderPageText::FolderPageText(const cid::Cid& root, std::string_view path, const cid::Cid& folder)
    : base_(fmt::format("/ipfs/{}", root.text())) {
  auto crumbs = fmt::format("/ipfs/<a href=\"{}\">{}</a>", base_, root.text());
  std::string title = base_;
  for (auto rest = path; !rest.empty();) {
    const auto part = rest.substr(0, rest.find('/'));
    rest.remove_prefix(std::min(rest.size(), part.size() + 1));
    base_ += "/" + percentEncoded(part);
    title += fmt::format("/{}", part);
    crumbs += fmt::format("/<a href=\"{}\">{}</a>", base_, escaped(part));
  }
  head_ = fmt::format(kHead, escaped(title + "/"));
  head_ += fmt::format("<h1>Index of</h1>\n<p>{}</p>\n<p class=\"ipfs-hash\">{}</p>\n<table>\n",
                       crumbs, folder.text());
  if (!path.empty()) {
    head_ += fmt::format("<tr><td><a href=\"{}/..\">..</a></td><td></td><td></td></tr>\n", base_);
  }
}

std::string FolderPageText::row(const cid::Link& entry) const {
  const auto cid = entry.cid.text();
  const auto name = percentEncoded(entry.name);
  // The name is encoded twice in the parameter: so do the pages of other gateways.
  return fmt::format(
      "<tr><td><a href=\"{}/{}\">{}</a></td><td><a class=\"ipfs-hash\" translate=\"no\" "
      "href=\"/ipfs/{}?filename={}\">{}</a></td><td>{}</td></tr>\n",
      base_, name, escaped(entry.name), cid, percentEncoded(name), shortened(cid), sizeText(entry));
}

std::string FolderPageText::end(std::optional<std::size_t> listed) {
  std::string end = "</table>\n";
  if (listed) {
    end += fmt::format(
        "<p>These are the first {} entries, and there are more: all of them are in the folder's "
        "CAR "
        "(<code>?format=car&amp;dag-scope=entity</code>).</p>\n",
        *listed);
  }
  return end.append(kFoot);
}

std::string valuePage(const cid::Cid& cid, std::string_view json) {
  auto page = fmt::format(kHead, cid.text());
  page += fmt::format(
      "<h1>{}</h1>\n<p><a href=\"/ipfs/{}?format=raw\">the block</a>, {}</p>\n<pre>{}</pre>\n",
      cid.text(), cid.text(), cid::codecName(cid.codec()), escaped(json));
  return page.append(kFoot);
}

}  // namespace webpool::api::gateway
