#include "net/certificate.h"

#include <fmt/format.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <chrono>
#include <memory>
#include <utility>

#include "base/file.h"

namespace webpool::net {
namespace {

using std::chrono::days;
constexpr days kValid{397};
constexpr days kSpare{7};      // made anew when less is left
constexpr days kClockSkew{1};  // of visitors' clocks
constexpr int kSerialBits = 127;

template <auto Free>
struct Freed {
  template <class T>
  void operator()(T* pointer) const noexcept {
    Free(pointer);
  }
};
using Certificate = std::unique_ptr<X509, Freed<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using Memory = std::unique_ptr<BIO, Freed<BIO_free_all>>;
using Number = std::unique_ptr<BIGNUM, Freed<BN_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, Freed<X509_EXTENSION_free>>;

std::unexpected<Error> broken(std::string_view what) {
  const auto code = ERR_peek_last_error();
  ERR_clear_error();
  const char* text = ERR_reason_error_string(code);
  return fail(ErrorCategory::Internal, fmt::format("no certificate could be made: {}: {}", what,
                                                   text == nullptr ? "unknown" : text));
}

bool isAddress(const std::string& name) {
  boost::system::error_code error;
  boost::asio::ip::make_address(name, error);
  return !error;
}

/// Letters, digits, '-' and '.', so that a name can't say more than a name.
bool isHostName(std::string_view name) {
  return !name.empty() && name.size() <= 253 && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.';
  });
}

bool addExtension(X509& certificate, int what, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, &certificate, &certificate, nullptr, nullptr, 0);
  const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, what, value.c_str()));
  return extension && X509_add_ext(&certificate, extension.get(), -1) == 1;
}

bool setSerial(X509& certificate) {
  const Number number(BN_new());
  return number && BN_rand(number.get(), kSerialBits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
         BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(&certificate)) != nullptr;
}

bool setName(X509& certificate) {
  auto* subject = X509_get_subject_name(&certificate);
  static constexpr std::string_view kName = "webpool on this machine";
  return X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                                    reinterpret_cast<const unsigned char*>(kName.data()),
                                    static_cast<int>(kName.size()), -1, 0) == 1 &&
         X509_set_issuer_name(&certificate, subject) == 1;
}

bool setTimes(X509& certificate, WallTime now) {
  const auto from = std::chrono::system_clock::to_time_t(now - kClockSkew);
  // Both ends count.
  const auto to =
      std::chrono::system_clock::to_time_t(now - kClockSkew + kValid - std::chrono::seconds(1));
  return ASN1_TIME_set(X509_getm_notBefore(&certificate), from) != nullptr &&
         ASN1_TIME_set(X509_getm_notAfter(&certificate), to) != nullptr;
}

std::string textOf(BIO* memory) {
  char* data = nullptr;
  const auto size = BIO_get_mem_data(memory, &data);
  return {data, static_cast<std::size_t>(size)};
}

/// What `folder` has, if it still serves.
std::shared_ptr<const TlsIdentity> kept(const std::filesystem::path& certificate,
                                        const std::filesystem::path& key,
                                        const std::vector<std::string>& names, WallTime now) {
  struct stat found{};
  // A key that others could read is no secret any more.
  if (::stat(key.c_str(), &found) != 0 || (found.st_mode & 077) != 0) return nullptr;
  auto identity = TlsIdentity::fromFiles(certificate, key, now);
  if (!identity || (*identity)->expires() - now < kSpare) return nullptr;
  const bool forAll = std::ranges::all_of(names, [&](const auto& name) {
    return std::ranges::binary_search((*identity)->names(), name);
  });
  return forAll ? *identity : nullptr;
}

}  // namespace

Result<PemPair> makeCertificate(const std::vector<std::string>& names, WallTime now) {
  std::string alternatives;
  for (const auto& name : names) {
    const bool address = isAddress(name);
    if (!address && !isHostName(name)) {
      return fail(ErrorCategory::InvalidArgument,
                  fmt::format("'{}' is no host name and no IP address", name),
                  "write it without 'https://' and without a port");
    }
    alternatives +=
        fmt::format("{}{}:{}", alternatives.empty() ? "" : ",", address ? "IP" : "DNS", name);
  }
  if (names.empty()) return fail(ErrorCategory::InvalidArgument, "a certificate needs a name");

  ERR_clear_error();
  const Key key(EVP_EC_gen("P-256"));
  if (!key) return broken("key");
  const Certificate certificate(X509_new());
  constexpr long kVersion3 = 2;
  if (!certificate || X509_set_version(certificate.get(), kVersion3) != 1 ||
      !setSerial(*certificate) || !setName(*certificate) || !setTimes(*certificate, now) ||
      X509_set_pubkey(certificate.get(), key.get()) != 1) {
    return broken("fields");
  }
  if (!addExtension(*certificate, NID_basic_constraints, "critical,CA:FALSE") ||
      !addExtension(*certificate, NID_key_usage, "critical,digitalSignature") ||
      !addExtension(*certificate, NID_ext_key_usage, "serverAuth") ||
      !addExtension(*certificate, NID_subject_key_identifier, "hash") ||
      !addExtension(*certificate, NID_subject_alt_name, alternatives)) {
    return broken("extensions");
  }
  if (X509_sign(certificate.get(), key.get(), EVP_sha256()) == 0) return broken("signature");

  const Memory certificatePem(BIO_new(BIO_s_mem()));
  const Memory keyPem(BIO_new(BIO_s_secmem()));
  if (!certificatePem || !keyPem ||
      PEM_write_bio_X509(certificatePem.get(), certificate.get()) != 1 ||
      PEM_write_bio_PrivateKey(keyPem.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) !=
          1) {
    return broken("writing");
  }
  return PemPair{textOf(certificatePem.get()), textOf(keyPem.get())};
}

Result<std::shared_ptr<const TlsIdentity>> ownCertificate(const std::filesystem::path& folder,
                                                          const std::vector<std::string>& names,
                                                          WallTime now) {
  const auto certificate = folder / "certificate.pem";
  const auto key = folder / "key.pem";
  if (auto identity = kept(certificate, key, names, now)) return identity;
  const auto made = makeCertificate(names, now);
  if (!made) return std::unexpected(made.error());
  // A crash between the two leaves a pair that does not match: the next start makes a new one.
  auto written = base::makeFolders(folder);
  if (written) written = base::writeFileAtomically(key, made->key, 0600);
  if (written) written = base::writeFileAtomically(certificate, made->certificate, 0644);
  if (!written) return std::unexpected(written.error());
  return TlsIdentity::fromPem(made->certificate, certificate.native(), made->key, key.native(),
                              now);
}

}  // namespace webpool::net
