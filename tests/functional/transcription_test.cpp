// What is said in sound files: Whisper through the command line, against the words that native ONNX
// Runtime gives with the same weights (tests/vectors/reference/whisper.json).
#include <gmock/gmock.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cctype>
#include <cmath>
#include <sstream>

#include "base/file.h"
#include "cli_harness.h"
#include "reference.h"

namespace webpool::functional {
namespace {

using testing::HasSubstr;

constexpr auto kModel = "whisper-tiny";
constexpr unsigned kRate = 16'000;

using Words = std::vector<std::string>;

/// Without case and punctuation; "Mr." is "mister" in the transcripts.
Words wordsOf(std::string_view text) {
  std::string plain;
  for (const char c : text) {
    const auto letter = static_cast<unsigned char>(c);
    if (std::isalnum(letter) != 0)
      plain += static_cast<char>(std::tolower(letter));
    else if (c != '\'')
      plain += ' ';
  }
  std::istringstream in(plain);
  Words words;
  for (std::string word; in >> word;) words.push_back(word == "mr" ? "mister" : word);
  return words;
}

/// Words to be changed, added or left out to make one of the other (Levenshtein).
std::size_t wordErrors(const Words& said, const Words& right) {
  std::vector<std::size_t> row(right.size() + 1);
  for (std::size_t i = 0; i < row.size(); ++i) row[i] = i;
  for (std::size_t i = 1; i <= said.size(); ++i) {
    auto diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j < row.size(); ++j) {
      const auto changed = diagonal + (said[i - 1] == right[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({changed, row[j] + 1, row[j - 1] + 1}));
    }
  }
  return row.back();
}

std::string clipPath(const boost::json::object& clip) {
  return "/usr/share/pocketsphinx/test/data/librivox/" + std::string(clip.at("file").as_string());
}

void append(std::string& bytes, std::uint32_t value, unsigned width) {
  for (unsigned i = 0; i < width; ++i) bytes += static_cast<char>(value >> (8 * i));
}

/// A WAV file of those bytes of samples, whose header claims `claimed` of them.
std::string wav(const std::string& samples, std::size_t claimed) {
  std::string bytes = "RIFF";
  append(bytes, static_cast<std::uint32_t>(36 + claimed), 4);
  bytes += "WAVEfmt ";
  append(bytes, 16, 4);
  append(bytes, 1, 2);
  append(bytes, 1, 2);
  append(bytes, kRate, 4);
  append(bytes, 2 * kRate, 4);
  append(bytes, 2, 2);
  append(bytes, 16, 2);
  bytes += "data";
  append(bytes, static_cast<std::uint32_t>(claimed), 4);
  return bytes + samples;
}

std::string samplesOf(const boost::json::object& clip) {
  return base::readFile(clipPath(clip), 1 << 24).value().substr(44);
}

class Transcription : public CliTest, public testing::WithParamInterface<const char*> {
 protected:
  void SetUp() override { ensureModel(kModel, "q8"); }
  void TearDown() override { expectNothingLeft(); }

  Finished transcribe(std::vector<std::string> more, const char* browser = "chromium",
                      std::string input = {}) {
    std::vector<std::string> arguments{"run",       "--model", kModel,        "--browser", browser,
                                       "--backend", "wasm",    "--ephemeral", "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(std::move(arguments), std::move(input));
  }
};

TEST_P(Transcription, GivesTheWordsThatNativeOnnxRuntimeGives) {
  const auto reference = readReference("whisper.json");
  const auto& clips = reference.at("clips").as_array();
  std::vector<std::string> paths;
  for (const auto& clip : clips) paths.push_back(clipPath(clip.as_object()));
  const auto result = transcribe(paths, GetParam());
  ASSERT_EQ(result.code, 0) << result.err;
  const auto object = result.json();
  EXPECT_EQ(object.at("ran_on").at("browser"), GetParam());
  EXPECT_EQ(object.at("ran_on").at("checked_by"), "golden answer");
  std::size_t words = 0;
  std::size_t otherThanNative = 0;
  std::size_t wrong = 0;
  const auto& files = object.at("files").as_array();
  ASSERT_EQ(files.size(), clips.size());
  for (std::size_t i = 0; i < clips.size(); ++i) {
    const auto said = wordsOf(files[i].at("text").as_string());
    const auto transcript = wordsOf(clips[i].at("transcript").as_string());
    words += transcript.size();
    otherThanNative += wordErrors(said, wordsOf(clips[i].at("native").as_string()));
    wrong += wordErrors(said, transcript);
    EXPECT_EQ(files[i].at("language"), "en");
    const auto& segments = files[i].at("segments").as_array();
    ASSERT_FALSE(segments.empty());
    EXPECT_LE(segments.back().at("end").to_number<double>(),
              files[i].at("seconds").to_number<double>());
  }
  std::printf(
      "%s: %zu of %zu words are other than native ONNX Runtime's, %zu (%.0f %%) than the "
      "transcripts'\n",
      GetParam(), otherThanNative, words, wrong, 100.0 * double(wrong) / double(words));
  // Activations are quantised by slightly different means: a word here and there (measured: 4).
  EXPECT_LE(otherThanNative, 6U);
  EXPECT_LE(double(wrong), 0.2 * double(words));
}

INSTANTIATE_TEST_SUITE_P(Browsers, Transcription, testing::Values("chromium", "firefox", "webkit"),
                         [](const auto& info) { return std::string(info.param); });

using TranscriptionInput = Transcription;

/// The five clips two times, one behind another: 49 seconds in two windows and more.
TEST_F(TranscriptionInput, LongerThanAWindow) {
  const auto reference = readReference("whisper.json");
  const auto& clips = reference.at("clips").as_array();
  std::string samples;
  Words right;
  for (int time = 0; time < 2; ++time) {
    for (const auto& clip : clips) {
      samples += samplesOf(clip.as_object());
      const auto more = wordsOf(clip.at("transcript").as_string());
      right.insert(right.end(), more.begin(), more.end());
    }
  }
  const auto path = write("long.wav", wav(samples, samples.size()));
  const auto result = transcribe({path.native()});
  ASSERT_EQ(result.code, 0) << result.err;
  const auto object = result.json();
  const auto& file = object.at("files").as_array().at(0).as_object();
  EXPECT_GE(file.at("windows").to_number<int>(), 2);
  const auto wrong = wordErrors(wordsOf(file.at("text").as_string()), right);
  std::printf("%zu of %zu words wrong: %s\n", wrong, right.size(),
              file.at("text").as_string().c_str());
  EXPECT_LE(double(wrong), 0.25 * double(right.size()));
  double last = 0;
  for (const auto& segment : file.at("segments").as_array()) {
    EXPECT_GE(segment.at("start").to_number<double>(), last - 0.02);
    EXPECT_GT(segment.at("end").to_number<double>(), segment.at("start").to_number<double>());
    last = segment.at("start").to_number<double>();
  }
  EXPECT_GT(last, 35) << "also the end of the sound is heard";
}

TEST_F(TranscriptionInput, SilenceSaysNothing) {
  const auto silence = write("silence.wav", wav(std::string(2 * kRate * 5, '\0'), 2 * kRate * 5));
  // A hum that nobody speaks in.
  std::string hum;
  for (unsigned i = 0; i < 4 * kRate; ++i) {
    append(hum, static_cast<std::uint16_t>(std::lround(300 * std::sin(i * 0.0196))), 2);
  }
  const auto humming = write("hum.wav", wav(hum, hum.size()));
  const auto result = transcribe({silence.native(), humming.native()});
  ASSERT_EQ(result.code, 0) << result.err;
  const auto object = result.json();
  const auto& files = object.at("files").as_array();
  ASSERT_EQ(files.size(), 2U);
  EXPECT_EQ(files[0].at("text"), "");
  EXPECT_EQ(files[0].at("runs"), 0) << "nobody is asked about silence";
  std::printf("of a hum: '%s'\n", files[1].at("text").as_string().c_str());
}

TEST_F(TranscriptionInput, SilenceIsOnRecordAndHasNoTimes) {
  const auto silence = write("silence.wav", wav(std::string(2 * kRate, '\0'), 2 * kRate));
  const auto record = (folder() / "runs.duckdb").native();
  const auto result = transcribe({silence.native(), "--db-path", record});
  ASSERT_EQ(result.code, 0) << result.err;
  const auto object = result.json();
  EXPECT_TRUE(object.at("run").is_null());
  EXPECT_TRUE(object.at("files").as_array().at(0).at("run_ms").is_null());
  const auto rows = run({"stats", "--db-path", record, "--json", "--sql",
                         "SELECT model, items, tries, error FROM webpool.runs"});
  ASSERT_EQ(rows.code, 0) << rows.err;
  EXPECT_EQ(boost::json::parse(rows.out),
            boost::json::parse(R"([{"model":"whisper-tiny","items":1,"tries":0,"error":null}])"));
}

TEST_F(TranscriptionInput, AFileThatLiesAboutItsLengthGivesWhatIsThere) {
  const auto clip = readReference("whisper.json").at("clips").as_array().at(1).as_object();
  const auto samples = samplesOf(clip);
  const auto result = transcribe({"-"}, "chromium", wav(samples, 100'000'000));
  ASSERT_EQ(result.code, 0) << result.err;
  const auto object = result.json();
  const auto& file = object.at("files").as_array().at(0).as_object();
  EXPECT_NEAR(file.at("seconds").to_number<double>(), double(samples.size()) / 2 / kRate, 0.01);
  EXPECT_THAT(std::string(file.at("text").as_string()), HasSubstr("young man"));
}

TEST_F(TranscriptionInput, ASoundWithoutASampleIsNamed) {
  const auto result = transcribe({write("nothing.wav", wav("", 0)).native()});
  EXPECT_EQ(result.code, 3) << result.err;
  EXPECT_THAT(result.err, HasSubstr("nothing.wav: it is a sound file without a sample"));
}

TEST_F(TranscriptionInput, WrongUseIsNamed) {
  const auto clip = readReference("whisper.json").at("clips").as_array().at(1).as_object();
  const auto path = clipPath(clip);
  const auto language = transcribe({"--language", "klingon", path});
  EXPECT_EQ(language.code, 2) << language.err;
  EXPECT_THAT(language.err, HasSubstr("no language 'klingon'"));
  const auto component =
      transcribe({"--component", "encoder_model", "--task", "automatic-speech-recognition", path});
  EXPECT_EQ(component.code, 2) << component.err;
  EXPECT_THAT(component.err, HasSubstr("together"));
  const auto tensors = run({"run", "-m", kModel, "--inputs", "x.npz", "--browser", "chromium"});
  EXPECT_EQ(tensors.code, 2) << tensors.err;
  EXPECT_THAT(tensors.err, HasSubstr("takes sound files"));
  ensureModel("all-minilm-l6-v2", "q4");
  const auto other =
      run({"run", "-m", "all-minilm-l6-v2", "--task", "automatic-speech-recognition", path});
  EXPECT_EQ(other.code, 2) << other.err;
  EXPECT_THAT(other.err, HasSubstr("has no graph encoder_model"));
}

}  // namespace
}  // namespace webpool::functional
