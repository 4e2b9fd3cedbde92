#include "cid/dag_pb.h"

#include <gtest/gtest.h>

#include "cid/multibase.h"
#include "cid/unixfs.h"

namespace webpool::cid {
namespace {

std::span<const std::byte> bytesOf(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

std::string fromHex(std::string_view hex) {
  return decodeMultibase("f" + std::string(hex)).value();
}

Cid leaf(std::string_view content) {
  return Cid::of(Codec::Raw, bytesOf(content));
}

Node fileNode() {
  UnixFsData data;
  data.fileSize = 7;
  data.blockSizes = {3, 4};
  return {{{leaf("abc"), "", 3}, {leaf("defg"), "", 4}}, encodeUnixFs(data)};
}

ErrorCategory readCategory(std::string_view block) {
  const auto read = readUnixFsNode(bytesOf(block));
  return read ? ErrorCategory::Internal : read.error().category;
}

TEST(DagPb, RoundTripKeepsLinksBeforeData) {
  const auto block = encodeNode(fileNode());
  EXPECT_EQ(block[0], '\x12');  // the field number of Links
  EXPECT_EQ(decodeNode(bytesOf(block)).value(), fileNode());
}

TEST(DagPb, EmptyNodeAndEmptyDataDiffer) {
  EXPECT_EQ(encodeNode({}), "");
  EXPECT_EQ(encodeNode({{}, ""}), std::string("\x0a\x00", 2));
  EXPECT_FALSE(decodeNode({}).value().data);
  EXPECT_EQ(decodeNode(bytesOf(std::string("\x0a\x00", 2))).value().data, "");
}

TEST(DagPb, ReadsDataBeforeLinks) {
  const auto block = encodeNode(fileNode());
  const auto data = encodeNode({{}, fileNode().data});
  const auto links = block.substr(0, block.size() - data.size());
  EXPECT_EQ(decodeNode(bytesOf(data + links)).value(), fileNode());
}

TEST(DagPb, EveryTruncationIsRefusedOrADifferentNode) {
  const auto block = encodeNode(fileNode());
  for (std::size_t size = 0; size < block.size(); ++size) {
    const auto cut = block.substr(0, size);
    const auto node = decodeNode(bytesOf(cut));
    if (node) {
      EXPECT_NE(*node, fileNode());
    } else {
      EXPECT_EQ(node.error().category, ErrorCategory::Protocol);
    }
    EXPECT_EQ(readCategory(cut), ErrorCategory::Protocol) << size;
  }
}

TEST(DagPb, EveryFlippedBitIsRefusedOrADifferentNode) {
  const auto block = encodeNode(fileNode());
  for (std::size_t i = 0; i < block.size() * 8; ++i) {
    auto changed = block;
    changed[i / 8] = static_cast<char>(changed[i / 8] ^ (1 << (i % 8)));
    const auto node = decodeNode(bytesOf(changed));
    EXPECT_TRUE(!node || *node != fileNode()) << i;
    (void)readUnixFsNode(bytesOf(changed));  // the sanitizers watch
  }
}

TEST(DagPb, LengthsThatLieAreRefused) {
  for (const auto* hex : {
           "0aff01",                    // data longer than the block
           "0affffffffffffffffff01",    // data of 2^64 bytes
           "12ff01",                    // a link longer than the block
           "12060a04deadbeef",          // a link whose hash is no CID
           "12050a06015512",            // a hash longer than its link
           "12021800",                  // a link without a hash
           "0a000a00",                  // data twice
           "1a00",                      // an unknown field
           "0801",                      // data as a number
           "12080a040155000010011000",  // a link whose name is a number
       }) {
    const auto node = decodeNode(bytesOf(fromHex(hex)));
    ASSERT_FALSE(node) << hex;
    EXPECT_EQ(node.error().category, ErrorCategory::Protocol) << hex;
  }
  EXPECT_FALSE(decodeNode(std::vector<std::byte>(kMaxBlock + 1)));
}

TEST(UnixFs, FileAndDirectoryRead) {
  const auto file = std::get<FileNode>(readUnixFsNode(bytesOf(encodeNode(fileNode()))).value());
  EXPECT_EQ(file.size, 7u);
  ASSERT_EQ(file.parts.size(), 2u);
  EXPECT_EQ(file.parts[1].size, 4u);
  EXPECT_EQ(file.parts[1].cid, leaf("defg"));
  const auto folder = readUnixFsNode(bytesOf("\x0a\x02\x08\x01")).value();
  EXPECT_TRUE(std::get<DirectoryNode>(folder).entries.empty());
}

TEST(UnixFs, SmallFileInsideItsNode) {
  UnixFsData data;
  data.data = "abc";
  data.fileSize = 3;
  const auto block = encodeNode({{}, encodeUnixFs(data)});
  EXPECT_EQ(std::get<FileNode>(readUnixFsNode(bytesOf(block)).value()).data, "abc");
  data.fileSize = 4;
  EXPECT_EQ(readCategory(encodeNode({{}, encodeUnixFs(data)})), ErrorCategory::Protocol);
}

TEST(UnixFs, PackedBlockSizesRead) {
  EXPECT_EQ(decodeUnixFs(bytesOf(fromHex("080218072202"
                                         "0304")))
                .value()
                .blockSizes,
            (std::vector<std::uint64_t>{3, 4}));
}

TEST(UnixFs, SizesThatDisagreeAreRefused) {
  auto node = fileNode();
  const auto withSizes = [&](std::uint64_t fileSize, std::vector<std::uint64_t> blockSizes) {
    UnixFsData data;
    data.fileSize = fileSize;
    data.blockSizes = std::move(blockSizes);
    node.data = encodeUnixFs(data);
    return readCategory(encodeNode(node));
  };
  EXPECT_EQ(withSizes(7, {3, 4}), ErrorCategory::Internal);  // reads
  EXPECT_EQ(withSizes(7, {7}), ErrorCategory::Protocol);
  EXPECT_EQ(withSizes(7, {3, 3, 1}), ErrorCategory::Protocol);
  EXPECT_EQ(withSizes(8, {3, 4}), ErrorCategory::Protocol);
  EXPECT_EQ(withSizes(2, {~0ull, 3}), ErrorCategory::Protocol);  // the sum wraps around to 2
}

TEST(UnixFs, RefusesWhatItCannotRead) {
  const auto ofType = [](UnixFsType type) {
    UnixFsData data;
    data.type = type;
    return readCategory(encodeNode({{}, encodeUnixFs(data)}));
  };
  EXPECT_EQ(ofType(UnixFsType::HamtShard), ErrorCategory::Unsupported);
  EXPECT_EQ(ofType(UnixFsType::Symlink), ErrorCategory::Unsupported);
  EXPECT_EQ(ofType(UnixFsType::Metadata), ErrorCategory::Unsupported);
  EXPECT_EQ(ofType(static_cast<UnixFsType>(9)), ErrorCategory::Protocol);
  EXPECT_EQ(readCategory(encodeNode({})), ErrorCategory::Protocol);        // no data
  EXPECT_EQ(readCategory(encodeNode({{}, ""})), ErrorCategory::Protocol);  // no type
  EXPECT_EQ(readCategory(encodeNode({{}, "\x08\x02\x18"})), ErrorCategory::Protocol);
}

}  // namespace
}  // namespace webpool::cid
