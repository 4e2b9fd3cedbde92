#include "net/certificate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "base/file.h"
#include "net/machine_addresses.h"

namespace webpool::net {
namespace {

using std::chrono::days;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

const std::vector<std::string> kNames{"127.0.0.1", "::1", "box.local"};

WallTime now() {
  return std::chrono::system_clock::now();
}

class CertificateTest : public testing::Test {
 protected:
  CertificateTest() {
    char pattern[] = "/tmp/webpool-certificate-XXXXXX";
    folder_ = ::mkdtemp(pattern);
  }
  ~CertificateTest() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path write(const std::string& name, std::string_view text) const {
    std::ofstream(folder_ / name, std::ios::binary) << text;
    return folder_ / name;
  }

  std::filesystem::path folder_;
};

TEST_F(CertificateTest, IsForItsNamesAndForLessThan398Days) {
  const auto made = makeCertificate(kNames, now());
  ASSERT_TRUE(made) << made.error().describe();
  const auto identity = TlsIdentity::fromPem(made->certificate, "c", made->key, "k", now());
  ASSERT_TRUE(identity) << identity.error().describe();
  EXPECT_THAT((*identity)->names(), ElementsAre("127.0.0.1", "::1", "box.local"));
  EXPECT_EQ((*identity)->fingerprint().size(), 95u);
  EXPECT_LT((*identity)->expires(), now() + days(397));
  EXPECT_GT((*identity)->expires(), now() + days(395));
}

TEST_F(CertificateTest, OpensslTakesItForTheseNamesOnly) {
  const auto made = makeCertificate(kNames, now());
  ASSERT_TRUE(made);
  BIO* memory =
      BIO_new_mem_buf(made->certificate.data(), static_cast<int>(made->certificate.size()));
  X509* certificate = PEM_read_bio_X509(memory, nullptr, nullptr, nullptr);
  ASSERT_NE(certificate, nullptr);
  EXPECT_EQ(X509_check_ip_asc(certificate, "127.0.0.1", 0), 1);
  EXPECT_EQ(X509_check_ip_asc(certificate, "::1", 0), 1);
  EXPECT_EQ(X509_check_ip_asc(certificate, "127.0.0.2", 0), 0);
  EXPECT_EQ(X509_check_host(certificate, "box.local", 0, 0, nullptr), 1);
  EXPECT_EQ(X509_check_host(certificate, "other.local", 0, 0, nullptr), 0);
  EXPECT_EQ(X509_verify(certificate, X509_get0_pubkey(certificate)), 1);
  EXPECT_EQ(X509_check_ca(certificate), 0);
  X509_free(certificate);
  BIO_free(memory);
}

TEST_F(CertificateTest, RefusesWhatIsNoName) {
  for (const auto* name : {"https://box", "box,IP:1.2.3.4", "", "a b"}) {
    const auto made = makeCertificate({name}, now());
    ASSERT_FALSE(made) << name;
    EXPECT_EQ(made.error().category, ErrorCategory::InvalidArgument);
  }
}

TEST_F(CertificateTest, IsKeptWithASecretKey) {
  const auto first = ownCertificate(folder_ / "join", kNames, now());
  ASSERT_TRUE(first) << first.error().describe();
  struct stat found{};
  ASSERT_EQ(::stat((folder_ / "join/key.pem").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0600u);
  const auto second = ownCertificate(folder_ / "join", {"::1"}, now());
  ASSERT_TRUE(second);
  EXPECT_EQ((*first)->fingerprint(), (*second)->fingerprint());
}

TEST_F(CertificateTest, IsMadeAnewWhenItDoesNotServeAnyMore) {
  const auto first = ownCertificate(folder_, kNames, now());
  ASSERT_TRUE(first);
  auto more = kNames;
  more.emplace_back("192.0.2.7");
  const auto moved = ownCertificate(folder_, more, now());
  ASSERT_TRUE(moved);
  EXPECT_NE((*first)->fingerprint(), (*moved)->fingerprint());
  EXPECT_THAT((*moved)->names(), Contains("192.0.2.7"));

  const auto later = now() + days(392);  // four days left
  const auto renewed = ownCertificate(folder_, more, later);
  ASSERT_TRUE(renewed) << renewed.error().describe();
  EXPECT_NE((*moved)->fingerprint(), (*renewed)->fingerprint());
  EXPECT_GT((*renewed)->expires(), later + days(390));

  write("certificate.pem", "damaged");
  const auto repaired = ownCertificate(folder_, more, later);
  ASSERT_TRUE(repaired) << repaired.error().describe();
  EXPECT_NE((*renewed)->fingerprint(), (*repaired)->fingerprint());

  ASSERT_EQ(::chmod((folder_ / "key.pem").c_str(), 0644), 0);
  const auto secret = ownCertificate(folder_, more, later);
  ASSERT_TRUE(secret);
  EXPECT_NE((*repaired)->fingerprint(), (*secret)->fingerprint())
      << "a key that others could read is not used again";
}

TEST_F(CertificateTest, FolderThatCannotBeMadeIsAnError) {
  const auto file = write("file", "");
  const auto identity = ownCertificate(file / "below", kNames, now());
  ASSERT_FALSE(identity);
  EXPECT_EQ(identity.error().category, ErrorCategory::Storage);
}

class GivenCertificateTest : public CertificateTest {
 protected:
  void expectRefused(const std::string& words) {
    const auto identity = TlsIdentity::fromFiles(folder_ / "c.pem", folder_ / "k.pem", now());
    ASSERT_FALSE(identity) << words;
    EXPECT_EQ(identity.error().category, ErrorCategory::InvalidArgument);
    EXPECT_THAT(identity.error().message, HasSubstr(words));
    EXPECT_NE(identity.error().hint, "");
  }
  PemPair pem_ = *makeCertificate({"box.local"}, now());
};

TEST_F(GivenCertificateTest, ChainWithAuthorityIsTaken) {
  const auto authority = makeCertificate({"authority.local"}, now());
  write("c.pem", pem_.certificate + authority->certificate);
  write("k.pem", pem_.key);
  const auto identity = TlsIdentity::fromFiles(folder_ / "c.pem", folder_ / "k.pem", now());
  ASSERT_TRUE(identity) << identity.error().describe();
  EXPECT_THAT((*identity)->names(), ElementsAre("box.local"));
}

TEST_F(GivenCertificateTest, WrongFilesAreNamed) {
  write("k.pem", pem_.key);
  const auto missing = TlsIdentity::fromFiles(folder_ / "c.pem", folder_ / "k.pem", now());
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().category, ErrorCategory::NotFound);
  EXPECT_THAT(missing.error().message, HasSubstr("c.pem"));

  write("c.pem", "hello");
  expectRefused("c.pem holds no certificate");
  write("c.pem", pem_.certificate.substr(0, 300) + "\n-----END CERTIFICATE-----\n");
  expectRefused("c.pem is a damaged certificate");
  write("c.pem", pem_.key);
  expectRefused("c.pem holds no certificate");

  write("c.pem", pem_.certificate);
  write("k.pem", pem_.certificate);
  expectRefused("k.pem holds no private key");
  write("k.pem", makeCertificate({"box.local"}, now())->key);
  expectRefused("does not belong to the certificate");
}

TEST_F(GivenCertificateTest, KeyWithAPassPhraseIsRefusedWithoutAsking) {
  BIO* in = BIO_new_mem_buf(pem_.key.data(), static_cast<int>(pem_.key.size()));
  EVP_PKEY* key = PEM_read_bio_PrivateKey(in, nullptr, nullptr, nullptr);
  BIO* out = BIO_new(BIO_s_mem());
  char phrase[] = "secret";
  PEM_write_bio_PKCS8PrivateKey(out, key, EVP_aes_128_cbc(), phrase, 6, nullptr, nullptr);
  char* data = nullptr;
  const auto size = BIO_get_mem_data(out, &data);
  write("k.pem", {data, static_cast<std::size_t>(size)});
  EVP_PKEY_free(key);
  BIO_free(in);
  BIO_free(out);
  write("c.pem", pem_.certificate);
  expectRefused("needs a pass phrase");
}

TEST_F(GivenCertificateTest, OutsideOfItsTimeItIsRefused) {
  write("k.pem", pem_.key);
  write("c.pem", pem_.certificate);
  const auto early = TlsIdentity::fromFiles(folder_ / "c.pem", folder_ / "k.pem", now() - days(3));
  ASSERT_FALSE(early);
  EXPECT_THAT(early.error().message, HasSubstr("not valid before"));
  const auto late = TlsIdentity::fromFiles(folder_ / "c.pem", folder_ / "k.pem", now() + days(400));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().category, ErrorCategory::InvalidArgument);
  EXPECT_THAT(late.error().message, HasSubstr("expired on"));
}

TEST(MachineAddresses, CanAllStandInACertificate) {
  auto names = machineAddresses();
  for (auto& name : machineNames()) names.push_back(name);
  names.emplace_back("127.0.0.1");
  EXPECT_TRUE(makeCertificate(names, now()));
  EXPECT_EQ(hostInUrl("::1"), "[::1]");
  EXPECT_EQ(hostInUrl("192.0.2.1"), "192.0.2.1");
}

}  // namespace
}  // namespace webpool::net
