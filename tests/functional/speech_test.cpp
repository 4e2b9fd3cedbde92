// Where speech is in sound files: Silero VAD over whole files, through the command line.
#include <gmock/gmock.h>

#include <boost/json.hpp>
#include <fstream>
#include <iterator>

#include "cli_harness.h"
#include "reference.h"

namespace webpool::functional {
namespace {

using testing::HasSubstr;

constexpr double kFrame = 0.032;  // seconds
constexpr const char* kTask = "voice-activity-detection";

/// Of Debian's pocketsphinx-testdata.
std::string clipPath(const boost::json::object& clip) {
  return "/usr/share/pocketsphinx/test/data/librivox/" + std::string(clip.at("file").as_string());
}

class Speech : public CliTest, public testing::WithParamInterface<const char*> {
 protected:
  void SetUp() override { ensureModel("silero-vad-v5", "fp32"); }
  void TearDown() override { expectNothingLeft(); }
};

/// Each frame's probability is native ONNX Runtime's, and the spans lie where the sound is loud.
TEST_P(Speech, IsFoundInFiles) {
  const auto reference = readReference("silero.json");
  const auto& clip = reference.at("clips").as_array()[0].as_object();
  const auto result = run({"run", "--model", "silero-vad-v5", "--task", kTask, "--browser",
                           GetParam(), "--backend", "wasm", "--ephemeral", "--json", "--outputs",
                           (folder() / "out.json").native(), clipPath(clip)});
  ASSERT_EQ(result.code, 0) << result.err;
  const auto object = result.json();
  EXPECT_EQ(object.at("ran_on").at("browser"), GetParam());
  EXPECT_EQ(object.at("ran_on").at("checked_by"), "golden answer");
  const auto& file = object.at("files").as_array().at(0).as_object();
  const auto& spans = file.at("speech").as_array();
  ASSERT_FALSE(spans.empty());
  const auto loud =
      boost::json::value_to<std::vector<std::pair<double, double>>>(clip.at("energy_spans"));
  EXPECT_NEAR(spans.front().at("start").to_number<double>(), loud.front().first * kFrame, 0.2);
  EXPECT_NEAR(spans.back().at("end").to_number<double>(), loud.back().second * kFrame, 0.25);

  const auto written = run({"run", "--model", "silero-vad-v5"});  // wrong use: keeps out.json
  EXPECT_EQ(written.code, 2);
  std::ifstream out(folder() / "out.json");
  const std::string text(std::istreambuf_iterator<char>(out), {});
  const auto outputs = boost::json::parse(text).at("outputs").as_array();
  const auto probabilities = boost::json::value_to<std::vector<double>>(outputs.at(0).at("data"));
  const auto expected = boost::json::value_to<std::vector<double>>(clip.at("speech"));
  ASSERT_GE(probabilities.size(), expected.size()) << "the last, cut-off frame counts";
  for (std::size_t i = 0; i < expected.size(); ++i) {
    ASSERT_NEAR(probabilities[i], expected[i], 0.01) << "frame " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Browsers, Speech, testing::Values("chromium", "firefox", "webkit"),
                         [](const auto& info) { return std::string(info.param); });

using SpeechInput = Speech;

TEST_F(SpeechInput, ThatIsNoSoundIsNamedBeforeABrowserStarts) {
  const auto text = write("talk.wav", "no sound");
  const auto noSound = run({"run", "-m", "silero-vad-v5", "--task", kTask, text.native()});
  EXPECT_EQ(noSound.code, 3);
  EXPECT_THAT(noSound.err, HasSubstr("talk.wav"));
  EXPECT_THAT(noSound.err, HasSubstr("FLAC"));
  EXPECT_EQ(run({"run", "-m", "silero-vad-v5", "--task", kTask}).code, 2);
  EXPECT_EQ(run({"run", "-m", "silero-vad-v5", "--task", kTask, "/nonexistent.wav"}).code, 4);
}

TEST_F(SpeechInput, ModelThatIsNoVoiceActivityDetectorIsRefused) {
  ensureModel("all-minilm-l6-v2", "q4");
  const auto reference = readReference("silero.json");
  const auto path = clipPath(reference.at("clips").as_array()[0].as_object());
  const auto refused = run({"run", "-m", "all-minilm-l6-v2", "--task", kTask, "--browser",
                            "chromium", "--backend", "wasm", "--ephemeral", path});
  EXPECT_EQ(refused.code, 6) << refused.err;
  EXPECT_THAT(refused.err, HasSubstr("takes Silero VAD"));
}

}  // namespace
}  // namespace webpool::functional
