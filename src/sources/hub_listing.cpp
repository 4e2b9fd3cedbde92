#include "sources/hub_listing.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <set>

#include "store/model_layout.h"
#include "store/model_repository.h"

namespace webpool::sources {
namespace {

namespace json = boost::json;

constexpr std::size_t kMostRevision = 200;

std::unexpected<Error> notOfAHub(std::string_view what) {
  return fail(ErrorCategory::Protocol, fmt::format("the hub's answer is not understood: {}", what),
              "check that HF_ENDPOINT is the address of a hub in the Hugging Face layout");
}

bool isHex(std::string_view text, std::size_t digits) {
  return text.size() == digits &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

bool isSafePath(std::string_view path) {
  if (path.empty() || path.size() > 1024) return false;
  for (std::string_view rest = path;;) {
    const auto slash = rest.find('/');
    const auto part = rest.substr(0, slash);
    if (part.empty() || part == "." || part == "..") return false;
    if (std::ranges::any_of(part, [](char c) { return static_cast<unsigned char>(c) < ' '; })) {
      return false;
    }
    if (slash == std::string_view::npos) return true;
    rest.remove_prefix(slash + 1);
  }
}

std::string_view textOf(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  if (value == nullptr || !value->is_string()) return {};
  return {value->get_string().data(), value->get_string().size()};
}

Result<HubFile> fileOf(const json::object& object) {
  HubFile file{.path = std::string(textOf(object, "path")), .sha256 = {}, .blobSha1 = {}};
  if (!isSafePath(file.path)) return notOfAHub("a path leads out of the repository");
  const auto* size = object.if_contains("size");
  if (size == nullptr || !size->is_int64() || size->get_int64() < 0) {
    return notOfAHub(file.path + " has no size");
  }
  file.size = static_cast<std::uint64_t>(size->get_int64());
  if (const auto* lfs = object.if_contains("lfs"); lfs != nullptr && lfs->is_object()) {
    auto oid = textOf(lfs->get_object(), "oid");
    if (oid.starts_with("sha256:")) oid.remove_prefix(7);
    if (!isHex(oid, 64)) return notOfAHub(file.path + " has no SHA-256");
    file.sha256 = oid;
  } else {
    const auto oid = textOf(object, "oid");
    if (!isHex(oid, 40)) return notOfAHub(file.path + " has no hash");
    file.blobSha1 = oid;
  }
  return file;
}

/// What tasks and transformers.js read beside the weights.
bool isSharedFile(std::string_view path) {
  constexpr std::array kNames{"config.json",
                              "generation_config.json",
                              "preprocessor_config.json",
                              "processor_config.json",
                              "special_tokens_map.json",
                              "added_tokens.json",
                              "vocab.txt",
                              "vocab.json",
                              "merges.txt",
                              "chat_template.jinja",
                              "chat_template.json",
                              "quantize_config.json"};
  if (std::ranges::find(kNames, path) != kNames.end()) return true;
  return fnmatch("tokenizer*.json", std::string(path).c_str(), FNM_PATHNAME) == 0 ||
         fnmatch("*golden*.json", std::string(path).c_str(), FNM_PATHNAME) == 0;
}

/// Weights optimised for one processor or by one tool, which the layout has no dtype for.
bool isForeignVariant(std::string_view component) {
  const auto last = component.substr(component.rfind('_') + 1);
  return (last.size() == 2 && last[0] == 'O' && last[1] >= '1' && last[1] <= '4') ||
         component.contains("_qint8") || component.contains("_quint8");
}

/// Where the repository keeps its weights: in onnx/, or beside the other files.
bool isWeightsPlace(std::string_view path, bool inOnnx) {
  const auto slash = path.find('/');
  if (slash == std::string_view::npos) return path.contains(".gguf") || !inOnnx;
  return path.starts_with("onnx/") && path.find('/', 5) == std::string_view::npos;
}

}  // namespace

Result<HubName> parseHubName(std::string_view text) {
  if (text.starts_with("hf:")) text.remove_prefix(3);
  HubName name;
  const auto at = text.find('@');
  if (at != std::string_view::npos) {
    name.revision = text.substr(at + 1);
    text = text.substr(0, at);
  }
  name.repository = text;
  const bool oneSlash = std::ranges::count(text, '/') <= 1;
  if (auto checked = store::checkModelName(text); !checked || !oneSlash) {
    return fail(ErrorCategory::InvalidArgument, fmt::format("\"{}\" is no repository", text),
                "write hf:ORGANISATION/NAME or hf:ORGANISATION/NAME@REVISION");
  }
  if (name.revision.empty() || name.revision.size() > kMostRevision ||
      std::ranges::any_of(name.revision, [](char c) { return c <= ' ' || c == 0x7f; })) {
    return fail(ErrorCategory::InvalidArgument, "the revision after '@' is none",
                "give a branch, a tag or a commit");
  }
  return name;
}

Result<std::vector<HubFile>> parseTree(std::string_view text) {
  boost::system::error_code failure;
  const auto document = json::parse(json::string_view(text.data(), text.size()), failure);
  if (failure || !document.is_array()) return notOfAHub("the tree is no list");
  std::vector<HubFile> files;
  for (const auto& entry : document.get_array()) {
    if (!entry.is_object()) return notOfAHub("an entry of the tree is no object");
    if (textOf(entry.get_object(), "type") != "file") continue;
    auto file = fileOf(entry.get_object());
    if (!file) return std::unexpected(file.error());
    files.push_back(std::move(*file));
  }
  return files;
}

std::string nextPage(std::string_view link) {
  while (true) {
    const auto open = link.find('<');
    const auto close = link.find('>');
    if (open == std::string_view::npos || close == std::string_view::npos || close < open)
      return {};
    const auto address = link.substr(open + 1, close - open - 1);
    link.remove_prefix(close + 1);
    const auto parameters = link.substr(0, link.find('<'));
    if (parameters.contains("rel=\"next\"") || parameters.contains("rel=next")) {
      return std::string(address);
    }
  }
}

Result<std::string> parseCommit(std::string_view text) {
  boost::system::error_code failure;
  const auto document = json::parse(json::string_view(text.data(), text.size()), failure);
  if (failure || !document.is_object()) return notOfAHub("the revision is no object");
  const auto sha = textOf(document.get_object(), "sha");
  if (!isHex(sha, 40)) return notOfAHub("the revision has no commit");
  return std::string(sha);
}

std::string urlPart(std::string_view text, bool keepSlashes) {
  std::string encoded;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-._~").contains(c) || (keepSlashes && c == '/');
    if (plain) {
      encoded += c;
    } else {
      encoded += fmt::format("%{:02X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    }
  }
  return encoded;
}

Result<HubChoice> chooseFiles(const std::vector<HubFile>& all, std::string_view dtype,
                              const std::vector<std::string>& patterns) {
  const bool inOnnx = std::ranges::any_of(all, [](const HubFile& file) {
    return file.path.starts_with("onnx/") && file.path.ends_with(".onnx");
  });
  std::vector<HubFile> shared;
  std::vector<HubFile> weights;
  std::set<std::string> dtypes;
  for (const auto& file : all) {
    const auto itsDtype = store::dtypeOfPath(file.path);
    const bool wanted = patterns.empty()
                            ? (itsDtype ? isWeightsPlace(file.path, inOnnx) &&
                                              !isForeignVariant(store::componentOfPath(file.path))
                                        : isSharedFile(file.path))
                            : std::ranges::any_of(patterns, [&](const std::string& pattern) {
                                return fnmatch(pattern.c_str(), file.path.c_str(), 0) == 0;
                              });
    if (!wanted) continue;
    if (itsDtype) dtypes.insert(*itsDtype);
    (itsDtype ? weights : shared).push_back(file);
  }
  if (!patterns.empty() && weights.empty() && shared.empty()) {
    return fail(ErrorCategory::NotFound, "no file of the repository matches --files",
                "write patterns like 'onnx/model_q4*' or '*.json'");
  }
  HubChoice choice{.dtype = {}, .files = std::move(shared)};
  if (patterns.empty() || !dtype.empty()) {
    auto chosen = store::chooseDtype({dtypes.begin(), dtypes.end()}, dtype);
    if (!chosen) return std::unexpected(chosen.error());
    choice.dtype = std::move(*chosen);
    std::erase_if(weights, [&](const HubFile& file) {
      return store::dtypeOfPath(file.path) != choice.dtype;
    });
  }
  // The merged decoder stands for the two that it was made of.
  const auto isGraph = [](std::string_view name) {
    return [name](const HubFile& file) { return store::componentOfPath(file.path) == name; };
  };
  if (patterns.empty() && std::ranges::any_of(weights, isGraph("decoder_model_merged"))) {
    std::erase_if(weights, isGraph("decoder_model"));
    std::erase_if(weights, isGraph("decoder_with_past_model"));
  }
  choice.files.insert(choice.files.end(), weights.begin(), weights.end());
  return choice;
}

}  // namespace webpool::sources
