#include "store/catalogue.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "store/catalogue_data.h"

namespace webpool::store {
namespace {

namespace json = boost::json;

/// Thrown inside parseCatalogueEntry only, which turns it into an Error.
struct Malformed : std::runtime_error {
  using std::runtime_error::runtime_error;
};

std::string text(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  if (!value || !value->is_string() || value->get_string().empty()) {
    throw Malformed(fmt::format("\"{}\" is missing or no text", key));
  }
  return std::string(value->get_string());
}

const json::array& array(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  if (!value || !value->is_array()) throw Malformed(fmt::format("\"{}\" is no list", key));
  return value->get_array();
}

const json::object& asObject(const json::value& value) {
  if (!value.is_object()) throw Malformed("an entry of a list is no object");
  return value.get_object();
}

cid::Cid cidOf(const json::object& object, std::string_view key) {
  auto cid = cid::Cid::parse(text(object, key));
  if (!cid) throw Malformed(cid.error().message);
  return std::move(*cid);
}

cid::Digest digestOf(const std::string& hex) {
  cid::Digest digest;
  const auto value = [&](char letter) {
    const auto at = std::string_view("0123456789abcdef").find(letter);
    if (at == std::string_view::npos) throw Malformed("a sha256 is no lower-case hexadecimal");
    return static_cast<unsigned>(at);
  };
  if (hex.size() != 2 * digest.size()) throw Malformed("a sha256 has no 64 digits");
  for (std::size_t i = 0; i < digest.size(); ++i) {
    digest[i] = static_cast<std::byte>(value(hex[2 * i]) << 4 | value(hex[2 * i + 1]));
  }
  return digest;
}

SourcePackage packageOf(const json::object& object) {
  SourcePackage package;
  const auto kind = text(object, "kind");
  if (kind == "npm") {
    package.kind = SourcePackage::Kind::Npm;
    package.integrity = text(object, "integrity");
  } else if (kind == "maven") {
    package.kind = SourcePackage::Kind::Maven;
  } else if (kind == "pip") {
    package.kind = SourcePackage::Kind::Pip;
  } else if (kind == "folder") {
    package.kind = SourcePackage::Kind::Folder;
  } else {
    throw Malformed(fmt::format("unknown kind of source \"{}\"", kind));
  }
  package.locator = text(object, "locator");
  return package;
}

CatalogueFile fileOf(const json::object& object, const CatalogueEntry& entry) {
  CatalogueFile file;
  file.path = text(object, "path");
  if (object.contains("dtype")) {
    file.dtype = text(object, "dtype");
    if (!entry.variant(*file.dtype)) {
      throw Malformed(fmt::format("{} has a dtype without a variant", file.path));
    }
  }
  const auto* size = object.if_contains("size");
  if (!size || !size->is_int64() || size->get_int64() < 0) {
    throw Malformed(fmt::format("{} has no size", file.path));
  }
  file.size = static_cast<std::uint64_t>(size->get_int64());
  file.cid = cidOf(object, "cid");
  file.sha256 = digestOf(text(object, "sha256"));
  for (const auto& value : array(object, "sources")) {
    const auto& source = asObject(value);
    const auto* index = source.if_contains("package");
    if (!index || !index->is_int64() || index->get_int64() < 0 ||
        static_cast<std::size_t>(index->get_int64()) >= entry.packages.size()) {
      throw Malformed(fmt::format("{} has a source without a package", file.path));
    }
    file.sources.push_back({static_cast<std::size_t>(index->get_int64()), text(source, "member")});
  }
  if (file.sources.empty()) throw Malformed(fmt::format("{} has no source", file.path));
  return file;
}

CatalogueEntry parse(std::string_view source) {
  boost::system::error_code failure;
  const auto document = json::parse(json::string_view(source.data(), source.size()), failure);
  if (failure) throw Malformed(failure.message());
  const auto& object = asObject(document);
  CatalogueEntry entry;
  entry.name = text(object, "name");
  for (const auto& alias : array(object, "aliases")) {
    if (!alias.is_string()) throw Malformed("an alias is no text");
    entry.aliases.emplace_back(alias.get_string());
  }
  entry.description = text(object, "description");
  entry.license = text(object, "license");
  entry.task = text(object, "task");
  entry.defaultDtype = text(object, "default_dtype");
  for (const auto& value : array(object, "variants")) {
    const auto& variant = asObject(value);
    entry.variants.push_back({text(variant, "dtype"), cidOf(variant, "root")});
  }
  if (!entry.variant(entry.defaultDtype)) throw Malformed("the default dtype has no variant");
  for (const auto& value : array(object, "packages")) {
    entry.packages.push_back(packageOf(asObject(value)));
  }
  for (const auto& value : array(object, "files")) {
    entry.files.push_back(fileOf(asObject(value), entry));
  }
  if (const auto* golden = object.if_contains("golden"); golden && !golden->is_null()) {
    entry.golden = json::serialize(*golden);
  }
  return entry;
}

std::string lowered(std::string_view name) {
  std::string result(name);
  for (auto& letter : result) {
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
  }
  return result;
}

}  // namespace

const CatalogueVariant* CatalogueEntry::variant(std::string_view dtype) const noexcept {
  const auto found = std::ranges::find(variants, dtype, &CatalogueVariant::dtype);
  return found == variants.end() ? nullptr : &*found;
}

std::vector<const CatalogueFile*> CatalogueEntry::filesFor(std::string_view dtype) const {
  std::vector<const CatalogueFile*> result;
  for (const auto& file : files) {
    if (!file.dtype || *file.dtype == dtype) result.push_back(&file);
  }
  return result;
}

std::uint64_t CatalogueEntry::bytesFor(std::string_view dtype) const {
  std::uint64_t sum = 0;
  for (const auto* file : filesFor(dtype)) sum += file->size;
  return sum;
}

Result<CatalogueEntry> parseCatalogueEntry(std::string_view source) {
  try {
    return parse(source);
  } catch (const Malformed& error) {
    return fail(ErrorCategory::InvalidArgument,
                fmt::format("malformed catalogue entry: {}", error.what()),
                "docs/store.md describes the format");
  }
}

Catalogue Catalogue::builtIn() {
  std::vector<CatalogueEntry> entries;
  for (const auto source : catalogueData()) {
    auto entry = parseCatalogueEntry(source);
    if (!entry) throw std::logic_error(entry.error().message);  // the tests parse every entry
    entries.push_back(std::move(*entry));
  }
  return Catalogue(std::move(entries));
}

const CatalogueEntry* Catalogue::find(std::string_view name) const {
  const auto wanted = lowered(name);
  for (const auto& entry : entries_) {
    if (lowered(entry.name) == wanted) return &entry;
    for (const auto& alias : entry.aliases) {
      if (lowered(alias) == wanted) return &entry;
    }
  }
  return nullptr;
}

Catalogue::Known Catalogue::findFile(const cid::Cid& cid) const {
  for (const auto& entry : entries_) {
    for (const auto& file : entry.files) {
      if (file.cid == cid.normalized()) return {&entry, &file};
    }
  }
  return {};
}

}  // namespace webpool::store
