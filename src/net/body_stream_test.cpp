#include "net/body_stream.h"

#include <gtest/gtest.h>

namespace webpool::net {
namespace {

using Written = BodyWriter::Written;

TEST(BodyStream, GivesWhatWasWrittenAndThenTheEnd) {
  BodyWriter writer;
  const auto stream = writer.body().stream;
  EXPECT_EQ(writer.write("a"), Written::Taken);
  EXPECT_EQ(writer.write("b"), Written::Taken);
  const auto first = stream->take();
  EXPECT_EQ(first.text, "ab");
  EXPECT_FALSE(first.ended);
  writer.end();
  EXPECT_EQ(writer.write("late"), Written::Closed);
  const auto last = stream->take();
  EXPECT_TRUE(last.text.empty());
  EXPECT_TRUE(last.ended);
}

TEST(BodyStream, FilesKeepTheirPlaceAndCostLittle) {
  BodyWriter writer;
  const auto stream = writer.body().stream;
  writer.write("head");
  EXPECT_EQ(writer.write(FileRegion{nullptr, 5, 1u << 30}), Written::Taken);
  writer.write(FileRegion{nullptr, 7, 0});  // nothing of a file is nothing
  writer.write("between");
  writer.write(FileRegion{nullptr, 6, 1});
  EXPECT_EQ(writer.write(FileRegion{nullptr, 6, 1}), Written::Full);
  writer.end();
  auto part = stream->take();
  EXPECT_EQ(part.text, "head");
  EXPECT_EQ(part.file->length, 1u << 30);
  EXPECT_FALSE(part.ended);
  part = stream->take();
  EXPECT_EQ(part.text, "between");
  EXPECT_EQ(part.file->offset, 6u);
  EXPECT_FALSE(part.ended);
  part = stream->take();
  EXPECT_EQ(part.text, "");
  EXPECT_TRUE(part.file);
  EXPECT_TRUE(part.ended);
}

TEST(BodyStream, ASlowReaderIsToldOfAndThenCutOff) {
  BodyWriter writer(4);
  const auto stream = writer.body().stream;
  int drained = 0;
  writer.onDrained([&] { ++drained; });
  EXPECT_EQ(writer.write("1234"), Written::Taken);
  EXPECT_EQ(writer.write("5"), Written::Full);
  EXPECT_EQ(stream->take().text, "12345");
  EXPECT_EQ(writer.write("6"), Written::Full) << "what is being sent counts";
  stream->taken();
  EXPECT_EQ(drained, 0);
  EXPECT_EQ(stream->take().text, "6");
  stream->taken();
  EXPECT_EQ(drained, 1);
  EXPECT_EQ(writer.write(std::string(17, 'x')), Written::Closed);
  EXPECT_TRUE(writer.closed().stop_requested());
  EXPECT_TRUE(stream->take().failed);
}

TEST(BodyStream, AClientThatLeftIsTold) {
  BodyWriter writer;
  writer.body().stream->leave();
  EXPECT_TRUE(writer.closed().stop_requested());
  EXPECT_EQ(writer.write("x"), Written::Closed);
}

TEST(BodyStream, AClientThatLeavesAfterTheEndLeavesNothingWaiting) {
  BodyWriter writer;
  const auto stream = writer.body().stream;
  int drained = 0;
  writer.onDrained([&] { ++drained; });
  writer.write("x");
  writer.end();
  stream->leave();
  stream->leave();
  EXPECT_EQ(drained, 1);
  EXPECT_FALSE(writer.closed().stop_requested());
}

TEST(BodyStream, LettingGoWithoutAnEndIsAFailure) {
  std::shared_ptr<BodyStream> stream;
  {
    BodyWriter writer;
    stream = writer.body().stream;
  }
  EXPECT_TRUE(stream->take().failed);
}

}  // namespace
}  // namespace webpool::net
