#include "cli/content_flags.h"

#include <charconv>

#include <fmt/format.h>

#include <boost/json.hpp>
#include <span>

#include "base/paths.h"
#include "base/random.h"
#include "cid/multibase.h"

namespace webpool::cli {
namespace {

constexpr auto kQuietFor = std::chrono::seconds(1);

/// Bytes of the character of UTF-8 at the front; 0 where there is none.
std::size_t characterLength(std::string_view text) {
  const auto first = static_cast<unsigned char>(text.front());
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xf0 && first < 0xf5   ? 4
                             : first >= 0xe0                 ? 3
                             : first >= 0xc2 && first < 0xe0 ? 2
                                                             : 0;
  if (first >= 0xf5 || length == 0 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80) return 0;
  }
  const auto second = static_cast<unsigned char>(text[1]);
  const bool overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
  const bool surrogate = first == 0xed && second >= 0xa0;
  const bool tooLarge = first == 0xf4 && second >= 0x90;
  return overlong || surrogate || tooLarge ? 0 : length;
}

/// The same without control characters.
std::size_t shownLength(std::string_view text) {
  const auto length = characterLength(text);
  const auto first = static_cast<unsigned char>(text.front());
  if (length == 1) return first >= 0x20 && first != 0x7f ? 1 : 0;
  const bool control = length == 2 && first == 0xc2 && static_cast<unsigned char>(text[1]) < 0xa0;
  return control ? 0 : length;
}

bool isUtf8(std::string_view text) {
  while (!text.empty()) {
    const auto length = characterLength(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

Result<cid::Cid> findSha256(const store::ContentStore& store, std::string_view hex) {
  cid::Digest digest{};
  bool right = hex.size() == 2 * digest.size();
  for (std::size_t i = 0; right && i < digest.size(); ++i) {
    unsigned value = 0;
    const auto* at = hex.data() + 2 * i;
    const auto parsed = std::from_chars(at, at + 2, value, 16);
    right = parsed.ec == std::errc() && parsed.ptr == at + 2;
    digest[i] = static_cast<std::byte>(value);
  }
  if (right) return store.findBySha256(digest);
  return fail(ErrorCategory::InvalidArgument, fmt::format("'{}' is no SHA-256", shownName(hex)),
              "give its 64 hexadecimal digits");
}

}  // namespace

Result<std::unique_ptr<store::ContentStore>> openContent(const Context& context) {
  if (auto known = base::checkFolder(context.paths.data); !known) {
    return std::unexpected(known.error());
  }
  return store::ContentStore::open(context.paths.data / "store", base::systemRandom());
}

Result<ContentAddress> parseContentAddress(const store::ContentStore& store,
                                           std::string_view text) {
  constexpr std::string_view kSha256 = "sha256:";
  for (const std::string_view prefix : {"ipfs://", "ipfs:", "/ipfs/"}) {
    if (text.starts_with(prefix)) text.remove_prefix(prefix.size());
  }
  const auto slash = text.find('/');
  const auto head = text.substr(0, slash);
  std::string path(slash == std::string_view::npos ? "" : text.substr(slash + 1));
  auto root = head.starts_with(kSha256) ? findSha256(store, head.substr(kSha256.size()))
                                        : cid::Cid::parse(head);
  if (root) return ContentAddress{std::move(*root), std::move(path)};
  auto error = root.error();
  if (!head.starts_with(kSha256)) {
    error.message = shownName(error.message);
    if (error.hint.empty()) error.hint = "webpool content ls shows the CIDs of what is here";
  }
  return std::unexpected(std::move(error));
}

std::string defaultName(const ContentAddress& address, const cid::Cid& cid) {
  std::string_view path = address.path;
  while (path.ends_with('/')) path.remove_suffix(1);
  const auto name = path.substr(path.rfind('/') + 1);
  return name.empty() ? cid.text() : std::string(name);
}

Result<cid::Cid> findContent(const store::ContentStore& store, std::string_view text) {
  auto address = parseContentAddress(store, text);
  if (!address) return std::unexpected(address.error());
  if (address->path.empty()) return address->root;
  return store.resolveCid(address->root, address->path);
}

std::string shownName(std::string_view name) {
  std::string shown;
  while (!name.empty()) {
    const auto length = shownLength(name);
    if (length > 0) {
      shown += name.substr(0, length);
      name.remove_prefix(length);
    } else {
      shown += fmt::format("\\x{:02x}", static_cast<unsigned char>(name.front()));
      name.remove_prefix(1);
    }
  }
  return shown;
}

void putName(boost::json::object& object, std::string_view key, std::string_view name) {
  if (isUtf8(name)) {
    object[key] = name;
    return;
  }
  object[key] = shownName(name);
  auto base64 = cid::encodeBase64(std::as_bytes(std::span(name)));
  while (base64.size() % 4 != 0) base64 += '=';
  object[fmt::format("{}_base64", key)] = std::move(base64);
}

store::JobOptions LateProgress::job(std::string step, std::string detail) {
  return {[this, step = std::move(step), detail = shownName(detail),
           show = line_.callback()](const store::Progress& progress) {
            if (std::chrono::steady_clock::now() - begun_ < kQuietFor) return;
            // The rest is one step for a person, whatever the store does for it.
            const bool keeps = progress.phase == store::Progress::Phase::Keep;
            show({keeps ? std::string(store::phaseName(progress.phase)) : step, detail,
                  progress.done, progress.total});
          },
          stop_};
}

}  // namespace webpool::cli
