#include "onnx/zip.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "onnx/npz.h"

namespace webpool::onnx {
namespace {

using ::testing::HasSubstr;

constexpr std::size_t kEnd = 22;  // bytes of the end record

std::string archiveOf(bool compress = false) {
  const std::string values(64, 'v');
  const std::vector<Tensor> tensors{{"a", DataType::Uint8, {64}, Bytes::copyOf(values)},
                                    {"b", DataType::Uint8, {64}, Bytes::copyOf(values)}};
  return *writeNpz(tensors, {compress});
}

Error refused(std::string archive) {
  const auto read = readNpz(Bytes::adopt(std::move(archive)));
  EXPECT_FALSE(read);
  return read ? Error{} : read.error();
}

void put32(std::string& bytes, std::size_t at, std::uint32_t value) {
  for (std::size_t i = 0; i < 4; ++i) bytes[at + i] = static_cast<char>(value >> (8 * i));
}

std::size_t directoryOf(const std::string& archive) {
  return archive.find("PK\x01\x02");
}

TEST(Zip, EveryTruncationIsFound) {
  for (const bool compress : {false, true}) {
    const auto whole = archiveOf(compress);
    for (std::size_t size = 0; size < whole.size(); ++size) {
      EXPECT_EQ(refused(whole.substr(0, size)).category, ErrorCategory::InvalidInput) << size;
    }
  }
}

TEST(Zip, ChangedBytesFailTheCrc) {
  auto archive = archiveOf();
  archive[archive.find("vvvv")] = 'w';
  EXPECT_THAT(refused(archive).message, HasSubstr("CRC of 'a.npy' is wrong"));
}

TEST(Zip, Zip64IsRefusedClearly) {
  auto sizes = archiveOf();
  put32(sizes, directoryOf(sizes) + 24, 0xffffffff);
  EXPECT_EQ(refused(sizes).category, ErrorCategory::Unsupported);
  EXPECT_THAT(refused(sizes).message, HasSubstr("ZIP64"));
  auto located = archiveOf();
  located.insert(located.size() - kEnd, std::string("PK\x06\x07") + std::string(16, '\0'));
  EXPECT_EQ(refused(located).category, ErrorCategory::Unsupported);
}

TEST(Zip, EncryptionAndOtherMethodsAreRefusedClearly) {
  auto encrypted = archiveOf();
  encrypted[directoryOf(encrypted) + 8] |= 1;
  EXPECT_THAT(refused(encrypted).message, HasSubstr("encryption"));
  auto method = archiveOf();
  method[directoryOf(method) + 10] = 12;
  EXPECT_THAT(refused(method).message, HasSubstr("compression method 12"));
  EXPECT_EQ(refused(method).category, ErrorCategory::Unsupported);
}

TEST(Zip, ImpossibleCompressionIsRefusedBeforeMemoryIsTaken) {
  auto bomb = archiveOf(true);
  put32(bomb, directoryOf(bomb) + 24, 900'000'000);
  EXPECT_THAT(refused(bomb).message, HasSubstr("can't hold"));
}

TEST(Zip, AMemberThatHoldsMoreOrLessThanItClaims) {
  for (const std::uint32_t claimed : {100u, 191u, 193u, 1000u}) {
    auto archive = archiveOf(true);
    put32(archive, directoryOf(archive) + 24, claimed);
    EXPECT_THAT(refused(archive).message, HasSubstr("does not unpack")) << claimed;
  }
}

TEST(Zip, MembersThatShareBytesAreRefused) {
  auto archive = archiveOf();
  const auto first = directoryOf(archive);
  const auto second = archive.find("PK\x01\x02", first + 1);
  // The second entry becomes the first once more.
  archive.replace(second, second - first, archive.substr(first, second - first));
  EXPECT_THAT(refused(archive).message, HasSubstr("share bytes"));
}

TEST(Zip, LocalAndCentralNamesMustAgree) {
  auto archive = archiveOf();
  archive[directoryOf(archive) + 46] = 'c';
  EXPECT_THAT(refused(archive).message, HasSubstr("another name"));
}

TEST(Zip, OffsetsOutsideTheArchive) {
  for (const std::uint32_t offset : {1u, 0x7fffffffu, 0xfffffffeu}) {
    auto archive = archiveOf();
    put32(archive, directoryOf(archive) + 42, offset);
    EXPECT_EQ(refused(archive).category, ErrorCategory::InvalidInput);
  }
  auto archive = archiveOf();
  put32(archive, archive.size() - kEnd + 16, 5);
  EXPECT_THAT(refused(archive).message, HasSubstr("directory"));
}

TEST(Zip, CommentsAreAllowed) {
  auto archive = archiveOf();
  archive[archive.size() - 2] = 5;
  archive += "hello";
  EXPECT_TRUE(readNpz(Bytes::adopt(std::move(archive))));
}

TEST(Zip, MembersThatAreNoArrays) {
  ZipWriter writer;
  ASSERT_TRUE(writer.add("readme.txt", "hello", "", false));
  EXPECT_THAT(refused(*writer.finish()).message, HasSubstr("'readme.txt', which is no array"));
  ZipWriter other;
  ASSERT_TRUE(other.add("x.npy", "hello world, no npy", "", false));
  EXPECT_THAT(refused(*other.finish()).message, HasSubstr("no .npy file"));
}

TEST(Zip, HeadersOfArraysAreChecked) {
  const auto refusedHeader = [](std::string_view dictionary) {
    std::string header("\x93NUMPY\x01\0", 8);
    header += static_cast<char>(dictionary.size());
    header += '\0';
    ZipWriter writer;
    EXPECT_TRUE(writer.add("x.npy", header.append(dictionary), "abcd", false));
    return refused(*writer.finish()).message;
  };
  EXPECT_THAT(refusedHeader("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n"),
              HasSubstr("needs 8 bytes, got 4"));
  EXPECT_THAT(refusedHeader("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }"),
              HasSubstr("header can't be read"));
  EXPECT_THAT(refusedHeader("{'descr': '<f4', 'fortran_order': False, }"), HasSubstr("header"));
  EXPECT_THAT(refusedHeader("{'descr': '<f4', 'fortran_order': False, 'shape': (1,)"),
              HasSubstr("header"));
  EXPECT_THAT(refusedHeader("{'descr': '<f4', 'fortran_order': 1, 'shape': (1,)}"),
              HasSubstr("header"));
  EXPECT_THAT(
      refusedHeader("{'descr': '<f4', 'fortran_order': True, 'shape': (99999999999999999999,)}"),
      HasSubstr("header"));
  EXPECT_THAT(refusedHeader("{'descr': '<f4', 'fortran_order': True, "
                            "'shape': (4611686018427387904, 4611686018427387904)}"),
              HasSubstr("impossible shape"));
}

}  // namespace
}  // namespace webpool::onnx
