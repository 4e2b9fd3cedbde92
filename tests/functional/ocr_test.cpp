// Text in pictures: PP-OCR through the command line, on a sheet that tools/text-sheet.py renders.
#include <gmock/gmock.h>

#include <cstdlib>

#include "base/file.h"
#include "cli_harness.h"

namespace webpool::functional {
namespace {

using testing::HasSubstr;

constexpr auto kModel = "pp-ocr-v6";

/// Characters to be changed, added or left out (Levenshtein).
std::size_t characterErrors(std::string_view read, std::string_view right) {
  std::vector<std::size_t> row(right.size() + 1);
  for (std::size_t i = 0; i < row.size(); ++i) row[i] = i;
  for (std::size_t i = 1; i <= read.size(); ++i) {
    auto diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j < row.size(); ++j) {
      const auto changed = diagonal + (read[i - 1] == right[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({changed, row[j] + 1, row[j - 1] + 1}));
    }
  }
  return row.back();
}

std::vector<std::string> linesOf(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

class Ocr : public CliTest, public testing::WithParamInterface<const char*> {
 protected:
  void SetUp() override {
    ensureModel(kModel, "fp32");
    const auto command = std::string(WEBPOOL_SOURCE_DIR) + "/build/tools/python/bin/python " +
                         WEBPOOL_SOURCE_DIR + "/tools/text-sheet.py " + folder().native();
    ASSERT_EQ(std::system(command.c_str()), 0) << "scripts/setup test makes what it needs";
    lines_ = linesOf(base::readFile(folder() / "sheet.txt", 1 << 16).value());
    ASSERT_EQ(lines_.size(), 20U);
  }
  void TearDown() override { expectNothingLeft(); }

  std::string file(const char* name) const { return (folder() / name).native(); }

  boost::json::object readPictures(std::vector<std::string> paths,
                                   const char* browser = "chromium") {
    std::vector<std::string> arguments{"run",       "--model", kModel,        "--browser", browser,
                                       "--backend", "wasm",    "--ephemeral", "--json"};
    arguments.insert(arguments.end(), paths.begin(), paths.end());
    const auto result = run(std::move(arguments));
    EXPECT_EQ(result.code, 0) << result.err;
    return result.code == 0 ? result.json() : boost::json::object{};
  }

  /// Errors of all lines, the picture's read from its end where it stands on its head.
  std::size_t errorsOf(const boost::json::value& page, bool turned = false) {
    const auto& read = page.at("lines").as_array();
    EXPECT_EQ(read.size(), lines_.size());
    std::size_t errors = 0;
    for (std::size_t i = 0; i < std::min(read.size(), lines_.size()); ++i) {
      const std::string text(read[turned ? read.size() - 1 - i : i].at("text").as_string());
      errors += characterErrors(text, lines_[i]);
      if (text != lines_[i]) std::printf("'%s' for '%s'\n", text.c_str(), lines_[i].c_str());
    }
    return errors;
  }

  std::size_t characters() const {
    std::size_t count = 0;
    for (const auto& line : lines_) count += line.size();
    return count;
  }

  std::vector<std::string> lines_;
};

TEST_P(Ocr, ReadsASheet) {
  const auto object = readPictures({file("sheet.png")}, GetParam());
  ASSERT_FALSE(object.empty());
  EXPECT_EQ(object.at("ran_on").at("browser"), GetParam());
  EXPECT_EQ(object.at("ran_on").at("checked_by"), "golden answer");
  const auto& page = object.at("files").as_array().at(0);
  // Of all graphs that ran: each came into the page.
  const auto& load = object.at("load");
  EXPECT_GE(load.at("bytes_network").to_number<std::int64_t>() +
                load.at("bytes_cache").to_number<std::int64_t>(),
            object.at("bytes").to_number<std::int64_t>() * 9 / 10);
  EXPECT_GT(object.at("bytes").to_number<std::int64_t>(), 12'000'000);
  const auto errors = errorsOf(page);
  std::printf("%s: %zu of %zu characters wrong\n", GetParam(), errors, characters());
  EXPECT_LE(double(errors), 0.02 * double(characters()));
  // The first line begins at (40, 30) and is about 24 pixels high.
  const auto& corner = page.at("lines").as_array().at(0).at("box").as_array().at(0).as_array();
  EXPECT_NEAR(corner.at(0).to_number<double>(), 40, 12);
  EXPECT_NEAR(corner.at(1).to_number<double>(), 33, 12);
}

INSTANTIATE_TEST_SUITE_P(Browsers, Ocr, testing::Values("chromium", "firefox", "webkit"),
                         [](const auto& info) { return std::string(info.param); });

using OcrInput = Ocr;

TEST_F(OcrInput, AJpegOneThatStandsOnItsHeadAndAWhiteOne) {
  const auto object = readPictures({file("sheet.jpg"), file("turned.png"), file("white.png")});
  ASSERT_FALSE(object.empty());
  const auto& files = object.at("files").as_array();
  EXPECT_LE(double(errorsOf(files.at(0))), 0.02 * double(characters()));
  EXPECT_LE(double(errorsOf(files.at(1), true)), 0.02 * double(characters()));
  EXPECT_TRUE(files.at(2).at("lines").as_array().empty());
}

TEST_F(OcrInput, BadPicturesAreNamedBeforeABrowserStarts) {
  const auto jpeg = base::readFile(file("sheet.jpg"), 1 << 24).value();
  const auto cut =
      run({"run", "-m", kModel, write("cut.jpg", jpeg.substr(0, jpeg.size() / 2)).native()});
  EXPECT_EQ(cut.code, 3) << cut.err;
  EXPECT_THAT(cut.err, HasSubstr("cut.jpg: the JPEG picture can't be read"));
  const auto text = run({"run", "-m", kModel, file("sheet.txt")});
  EXPECT_EQ(text.code, 3) << text.err;
  EXPECT_THAT(text.err, HasSubstr("neither a PNG nor a JPEG"));
  EXPECT_EQ(run({"run", "-m", kModel}).code, 2);
}

TEST_F(OcrInput, OneComponentRunsAsItIs) {
  const auto shown = run({"models", "show", kModel, "--component", "rec", "--json"});
  ASSERT_EQ(shown.code, 0) << shown.err;
  EXPECT_EQ(shown.json().at("task"), "tensors");
}

}  // namespace
}  // namespace webpool::functional
