#include "cli/serve_greeting.h"

#include <gmock/gmock.h>

#include <sstream>

namespace webpool::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr auto kOrigin = "https://192.168.100.100:65535";

void expectNarrow(const std::string& text) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80U) << line;
}

TEST(ServeGreeting, SaysWhereWhatAndHow) {
  const auto text =
      greeting("http://127.0.0.1:8080", {{"all-minilm-l6-v2", "text-embedding"}, {"mine", ""}}, "");
  EXPECT_THAT(text, HasSubstr("Programs call this pool at http://127.0.0.1:8080\n"));
  EXPECT_THAT(text, HasSubstr("  all-minilm-l6-v2  text-embedding\n  mine\n"));
  EXPECT_THAT(text,
              HasSubstr("  curl http://127.0.0.1:8080/v1/embeddings \\\n"
                        "    -H 'Content-Type: application/json' \\\n"
                        "    -d '{\"model\": \"all-minilm-l6-v2\", \"input\": \"a sentence\"}'\n"));
  EXPECT_THAT(text, Not(HasSubstr("Bearer")));
  expectNarrow(text);
}

TEST(ServeGreeting, EachTaskHasACallToTryAndFitsEightyColumns) {
  for (const auto& [task, path] :
       {std::pair{"text-generation", "/v1/chat/completions"},
        std::pair{"automatic-speech-recognition", "/v1/audio/transcriptions"},
        std::pair{"tensors", "/v2/models/all-minilm-l6-v2"}}) {
    const auto text = greeting(kOrigin, {{"all-minilm-l6-v2", task}}, "$WEBPOOL_API_TOKEN");
    EXPECT_THAT(text, HasSubstr(path));
    EXPECT_THAT(text, HasSubstr("-H \"Authorization: Bearer $WEBPOOL_API_TOKEN\""));
    expectNarrow(text);
  }
}

TEST(ServeGreeting, ManyModelsAndLongNames) {
  std::vector<NamedTask> models;
  for (int i = 0; i < 20; ++i) {
    models.push_back({std::string(60, 'n') + std::to_string(i), "voice-activity-detection"});
  }
  const auto text = greeting(kOrigin, models, "");
  EXPECT_THAT(text, HasSubstr("  and 8 more\n"));
  expectNarrow(text.substr(0, text.find("To try it")));
  EXPECT_THAT(greeting(kOrigin, {}, ""), Not(HasSubstr("curl")));
}

}  // namespace
}  // namespace webpool::cli
