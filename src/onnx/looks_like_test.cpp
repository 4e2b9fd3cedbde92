#include "onnx/looks_like.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "onnx/model.h"
#include "onnx/testing/model_builder.h"

namespace webpool::onnx {
namespace {

using namespace std::string_literals;
using ::testing::HasSubstr;

struct Case {
  std::string bytes;
  std::string what;
};

class NotAModel : public ::testing::TestWithParam<Case> {};

TEST_P(NotAModel, IsNamedForWhatItIs) {
  const auto read = readModel(Bytes::copyOf(GetParam().bytes));
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().category, ErrorCategory::InvalidModel);
  EXPECT_THAT(read.error().message, HasSubstr(GetParam().what));
  EXPECT_FALSE(read.error().hint.empty());
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, NotAModel,
    ::testing::Values(
        Case{"", "an empty file"}, Case{"hello, this is text\n", "plain text"},
        Case{"PK\x03\x04\x14\0\0\0\x08\0rest of a zip"s, "a ZIP archive"},
        Case{"<!DOCTYPE html>\n<html><body>404</body></html>", "an HTML page"},
        Case{"\n  <HTML><head>", "an HTML page"}, Case{"<?xml version=\"1.0\"?>", "an XML"},
        Case{"{\"error\": \"Repository not found\"}", "JSON text"},
        Case{"GGUF\x03\0\0\0\x10\0\0\0\0\0\0\0"s, "a GGUF file"},
        Case{"\x40\0\0\0\0\0\0\0{\"weight\":{\"dtype\":\"F32\"}}"s, "a safetensors file"},
        Case{"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "a Git LFS"},
        Case{"\x1f\x8b\x08\0\0\0"s, "a gzip file"}, Case{"\x80\x02}q\0"s, "a Python pickle"},
        Case{"\x1c\0\0\0TFL3rest"s, "a TensorFlow Lite model"},
        Case{"\x1c\0\0\0ORTMrest"s, "an .ort file"}, Case{std::string(4096, '\0'), "zeros only"},
        Case{"größe und mehr", "plain text"}, Case{"\xfe\xdc\xba\x98\x76", "no protobuf message"},
        Case{"\x93NUMPY\x01\0v\0{'descr'"s, "a NumPy array"}));

TEST(LooksLike, SaysNothingAboutAModel) {
  const auto model = testing::identityModel(DataType::Fp32, {1});
  EXPECT_EQ(looksLike(std::as_bytes(std::span(model))).what, "");
}

TEST(LooksLike, TextCutInsideACharacterIsStillText) {
  const auto text = std::string(511, 'a') + "ü" + std::string(100, 'b');
  EXPECT_EQ(looksLike(std::as_bytes(std::span(text))).what, "plain text");
}

}  // namespace
}  // namespace webpool::onnx
