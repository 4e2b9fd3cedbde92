#include "api/gateway/identity.h"

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <array>
#include <memory>

#include <fmt/format.h>

#include "api/gateway/routing.h"
#include "base/file.h"

namespace webpool::api::gateway {
namespace {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Memory = std::unique_ptr<BIO, decltype(&BIO_free)>;

Result<Key> makeKey(const std::filesystem::path& file) {
  Key key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"), EVP_PKEY_free);
  const Memory memory(BIO_new(BIO_s_mem()), BIO_free);
  char* text = nullptr;
  const bool written =
      key && memory &&
      PEM_write_bio_PrivateKey(memory.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1;
  const auto size = written ? BIO_get_mem_data(memory.get(), &text) : 0;
  if (size <= 0) return fail(ErrorCategory::Internal, "OpenSSL can't make an Ed25519 key");
  auto kept = base::makeFolders(file.parent_path());
  if (kept) {
    kept = base::writeFileAtomically(file, {text, static_cast<std::size_t>(size)}, 0600);
  }
  if (!kept) return std::unexpected(kept.error());
  return key;
}

Result<Key> readKey(const std::filesystem::path& file) {
  const auto text = base::readFile(file, 1u << 16);
  if (!text && text.error().category == ErrorCategory::NotFound) return makeKey(file);
  if (!text) return std::unexpected(text.error());
  const Memory memory(BIO_new_mem_buf(text->data(), static_cast<int>(text->size())), BIO_free);
  Key key(PEM_read_bio_PrivateKey(memory.get(), nullptr, nullptr, nullptr), EVP_PKEY_free);
  if (key && EVP_PKEY_get_id(key.get()) == EVP_PKEY_ED25519) return key;
  return fail(ErrorCategory::InvalidArgument, fmt::format("{} holds no Ed25519 key", file.native()),
              "move it away: a new one is made then, and this node has another peer id");
}

std::string_view protocolOf(const std::string& host) {
  std::array<unsigned char, 16> address{};
  if (::inet_pton(AF_INET, host.c_str(), address.data()) == 1) return "ip4";
  return ::inet_pton(AF_INET6, host.c_str(), address.data()) == 1 ? "ip6" : "dns";
}

}  // namespace

Result<std::string> keptPeerId(const std::filesystem::path& file) {
  const auto key = readKey(file);
  if (!key) return std::unexpected(key.error());
  std::array<std::byte, 32> bytes{};
  std::size_t size = bytes.size();
  if (EVP_PKEY_get_raw_public_key(key->get(), reinterpret_cast<unsigned char*>(bytes.data()),
                                  &size) != 1 ||
      size != bytes.size()) {
    return fail(ErrorCategory::Internal, "OpenSSL gives no public key");
  }
  return peerIdOf(bytes);
}

std::vector<std::string> httpMultiaddresses(std::span<const std::string> hosts,
                                            std::uint16_t port) {
  std::vector<std::string> addresses;
  for (const auto& host : hosts) {
    addresses.push_back(fmt::format("/{}/{}/tcp/{}/http", protocolOf(host), host, port));
  }
  return addresses;
}

}  // namespace webpool::api::gateway
