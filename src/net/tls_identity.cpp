#include "net/tls_identity.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <boost/asio/ip/address.hpp>
#include <ctime>
#include <utility>

#include "base/file.h"
#include "net/stream.h"

namespace webpool::net {
namespace {

template <auto Free>
struct Freed {
  template <class T>
  void operator()(T* pointer) const noexcept {
    Free(pointer);
  }
};
using Certificate = std::unique_ptr<X509, Freed<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using Memory = std::unique_ptr<BIO, Freed<BIO_free>>;
using Names = std::unique_ptr<GENERAL_NAMES, Freed<GENERAL_NAMES_free>>;

constexpr std::uint64_t kMaxPem = 1u << 20;

/// OpenSSL's last word, and nothing of it left for a later call.
std::string reason() {
  const auto code = ERR_peek_last_error();
  ERR_clear_error();
  const char* text = code == 0 ? nullptr : ERR_reason_error_string(code);
  return text == nullptr ? "unknown" : text;
}

int noPassPhrase(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

Memory reader(std::string_view text) {
  return Memory(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

Result<std::vector<Certificate>> readChain(std::string_view pem, std::string_view name) {
  const auto memory = reader(pem);
  std::vector<Certificate> chain;
  while (auto* next = PEM_read_bio_X509(memory.get(), nullptr, nullptr, nullptr)) {
    chain.emplace_back(next);
  }
  const bool broken = ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE;
  const auto why = reason();
  if (!chain.empty() && !broken) return chain;
  return fail(ErrorCategory::InvalidArgument,
              broken ? fmt::format("{} is a damaged certificate: {}", name, why)
                     : fmt::format("{} holds no certificate", name),
              "give the file that begins with -----BEGIN CERTIFICATE----- (PEM), the server's "
              "certificate first");
}

Result<Key> readKey(std::string_view pem, std::string_view name) {
  const auto memory = reader(pem);
  bool encrypted = false;
  Key key(PEM_read_bio_PrivateKey(memory.get(), nullptr, noPassPhrase, &encrypted));
  const auto why = key ? std::string() : reason();
  if (key) return key;
  if (encrypted) {
    return fail(ErrorCategory::InvalidArgument, fmt::format("{} needs a pass phrase", name),
                "take it off: openssl pkey -in KEY -out PLAIN-KEY");
  }
  return fail(ErrorCategory::InvalidArgument,
              fmt::format("{} holds no private key that can be read: {}", name, why),
              "give the file that begins with -----BEGIN PRIVATE KEY----- (PEM)");
}

WallTime toTime(const ASN1_TIME* time) {
  std::tm parts{};
  ASN1_TIME_to_tm(time, &parts);
  return std::chrono::system_clock::from_time_t(::timegm(&parts));
}

std::string dayText(WallTime time) {
  return fmt::format("{:%Y-%m-%d %H:%M} UTC",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(time)));
}

Result<std::string> fingerprintOf(const X509& certificate) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (X509_digest(&certificate, EVP_sha256(), digest.data(), &size) != 1) {
    return fail(ErrorCategory::Internal, "no digest of the certificate: " + reason());
  }
  std::string text;
  for (unsigned i = 0; i < size; ++i) {
    text += fmt::format("{}{:02X}", i == 0 ? "" : ":", digest[i]);
  }
  return text;
}

std::string addressText(const ASN1_OCTET_STRING& bytes) {
  const auto* data = ASN1_STRING_get0_data(&bytes);
  if (ASN1_STRING_length(&bytes) == 4) {
    boost::asio::ip::address_v4::bytes_type raw;
    std::copy_n(data, raw.size(), raw.begin());
    return boost::asio::ip::address_v4(raw).to_string();
  }
  if (ASN1_STRING_length(&bytes) == 16) {
    boost::asio::ip::address_v6::bytes_type raw;
    std::copy_n(data, raw.size(), raw.begin());
    return boost::asio::ip::address_v6(raw).to_string();
  }
  return {};
}

std::vector<std::string> namesOf(const X509& certificate) {
  std::vector<std::string> names;
  const Names found(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; found && i < sk_GENERAL_NAME_num(found.get()); ++i) {
    const auto* name = sk_GENERAL_NAME_value(found.get(), i);
    std::string text;
    if (name->type == GEN_DNS) {
      const auto* data = reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName));
      text.assign(data, static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName)));
    } else if (name->type == GEN_IPADD) {
      text = addressText(*name->d.iPAddress);
    }
    if (!text.empty()) names.push_back(std::move(text));
  }
  std::ranges::sort(names);
  return names;
}

Result<void> fill(boost::asio::ssl::context& context, const std::vector<Certificate>& chain,
                  EVP_PKEY& key) {
  auto* raw = context.native_handle();
  static constexpr std::string_view kSessions = "webpool";
  bool good = SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION) == 1;
  SSL_CTX_set_options(raw, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_mode(raw, SSL_MODE_RELEASE_BUFFERS);
  good = good && SSL_CTX_set_session_id_context(
                     raw, reinterpret_cast<const unsigned char*>(kSessions.data()),
                     static_cast<unsigned>(kSessions.size())) == 1;
  good = good && SSL_CTX_use_certificate(raw, chain.front().get()) == 1;
  for (std::size_t i = 1; good && i < chain.size(); ++i) {
    good = SSL_CTX_add1_chain_cert(raw, chain[i].get()) == 1;
  }
  good = good && SSL_CTX_use_PrivateKey(raw, &key) == 1;
  if (good) return {};
  return fail(ErrorCategory::InvalidArgument, "OpenSSL refuses this certificate: " + reason(),
              "use an ECDSA P-256 key, or RSA of at least 2048 bits");
}

}  // namespace

TlsIdentity::TlsIdentity(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TlsIdentity::~TlsIdentity() = default;

const std::string& TlsIdentity::fingerprint() const noexcept {
  return impl_->fingerprint;
}

WallTime TlsIdentity::expires() const noexcept {
  return impl_->expires;
}

const std::vector<std::string>& TlsIdentity::names() const noexcept {
  return impl_->names;
}

Result<std::shared_ptr<const TlsIdentity>> TlsIdentity::fromFiles(
    const std::filesystem::path& certificate, const std::filesystem::path& key, WallTime now) {
  const auto chain = base::readFile(certificate, kMaxPem);
  if (!chain) return std::unexpected(chain.error());
  const auto secret = base::readFile(key, kMaxPem);
  if (!secret) return std::unexpected(secret.error());
  return fromPem(*chain, certificate.native(), *secret, key.native(), now);
}

Result<std::shared_ptr<const TlsIdentity>> TlsIdentity::fromPem(std::string_view certificate,
                                                                std::string_view certificateName,
                                                                std::string_view key,
                                                                std::string_view keyName,
                                                                WallTime now) {
  ERR_clear_error();
  const auto chain = readChain(certificate, certificateName);
  if (!chain) return std::unexpected(chain.error());
  const auto secret = readKey(key, keyName);
  if (!secret) return std::unexpected(secret.error());
  const auto& own = *chain->front();
  if (X509_check_private_key(&own, secret->get()) != 1) {
    ERR_clear_error();
    return fail(
        ErrorCategory::InvalidArgument,
        fmt::format("the key {} does not belong to the certificate {}", keyName, certificateName),
        "give the key that the certificate was made with; where the file holds a chain, "
        "the server's own certificate must be its first");
  }
  auto impl = std::make_unique<Impl>();
  impl->expires = toTime(X509_get0_notAfter(&own));
  if (const auto from = toTime(X509_get0_notBefore(&own)); now < from) {
    return fail(
        ErrorCategory::InvalidArgument,
        fmt::format("the certificate {} is not valid before {}", certificateName, dayText(from)),
        "check this machine's clock, or give another certificate");
  }
  if (now >= impl->expires) {
    return fail(
        ErrorCategory::InvalidArgument,
        fmt::format("the certificate {} expired on {}", certificateName, dayText(impl->expires)),
        "renew it, or leave --tls-cert out: webpool then makes one itself");
  }
  auto fingerprint = fingerprintOf(own);
  if (!fingerprint) return std::unexpected(fingerprint.error());
  impl->fingerprint = std::move(*fingerprint);
  impl->names = namesOf(own);
  if (auto filled = fill(impl->context, *chain, **secret); !filled) {
    return std::unexpected(filled.error());
  }
  return std::make_shared<const TlsIdentity>(std::move(impl));
}

}  // namespace webpool::net
