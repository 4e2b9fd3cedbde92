// Kinds of files: magika through the command line, against what the PyPI package of that name says
// (tests/vectors/reference/magika.json).
#include <gmock/gmock.h>
#include <openssl/evp.h>

#include "cli_harness.h"
#include "reference.h"

namespace webpool::functional {
namespace {

using testing::HasSubstr;

std::string fromBase64(std::string_view text) {
  std::string bytes(text.size() / 4 * 3, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()),
                                   static_cast<int>(text.size()));
  // EVP_DecodeBlock counts the padding as bytes.
  const auto padding = text.size() - std::min(text.find('='), text.size());
  bytes.resize(static_cast<std::size_t>(size) - padding);
  return bytes;
}

class FileType : public CliTest, public testing::WithParamInterface<const char*> {
 protected:
  void SetUp() override { ensureModel("magika", "fp32"); }
  void TearDown() override { expectNothingLeft(); }
};

TEST_P(FileType, IsWhatThePackageSays) {
  const auto reference = readReference("magika.json");
  const auto& expected = reference.at("files").as_array();
  std::vector<std::string> arguments{"run",       "--model", "magika",      "--browser", GetParam(),
                                     "--backend", "wasm",    "--ephemeral", "--json"};
  for (std::size_t i = 0; i < expected.size(); ++i) {
    arguments.push_back(
        write("file-" + std::to_string(i), fromBase64(expected[i].at("content").as_string())));
  }
  const auto result = run(arguments);
  ASSERT_EQ(result.code, 0) << result.err;
  const auto object = result.json();
  EXPECT_EQ(object.at("ran_on").at("browser"), GetParam());
  EXPECT_EQ(object.at("ran_on").at("checked_by"), "golden answer");
  const auto& files = object.at("files").as_array();
  ASSERT_EQ(files.size(), expected.size());
  for (std::size_t i = 0; i < files.size(); ++i) {
    SCOPED_TRACE(expected[i].at("name").as_string().c_str());
    EXPECT_EQ(files[i].at("label"), expected[i].at("label"));
    EXPECT_EQ(files[i].at("model_said"), expected[i].at("model_said"));
    EXPECT_NEAR(files[i].at("score").to_number<double>(),
                expected[i].at("score").to_number<double>(), 1e-3);
  }
}

INSTANTIATE_TEST_SUITE_P(Browsers, FileType, testing::Values("chromium", "firefox", "webkit"),
                         [](const auto& info) { return std::string(info.param); });

using FileTypeInput = FileType;

TEST_F(FileTypeInput, WrongUseIsNamed) {
  EXPECT_EQ(run({"run", "-m", "magika"}).code, 2);
  EXPECT_EQ(run({"run", "-m", "magika", "/nonexistent"}).code, 4);
  const auto outputs = run({"run", "-m", "magika", "-o", "x.json", "/etc/hostname"});
  EXPECT_EQ(outputs.code, 2);
  EXPECT_THAT(outputs.err, HasSubstr("gives labels"));
  ensureModel("all-minilm-l6-v2", "q4");
  const auto other =
      run({"run", "-m", "all-minilm-l6-v2", "--task", "file-type-detection", "/etc/hostname"});
  EXPECT_EQ(other.code, 2) << other.err;
  EXPECT_THAT(other.err, HasSubstr("content_types_kb.min.json"));
}

}  // namespace
}  // namespace webpool::functional
