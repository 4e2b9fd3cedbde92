#include "bridge/preferences.h"

#include <gmock/gmock.h>

namespace webpool::bridge {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

using Names = std::vector<std::string>;

TEST(Preferences, APriorityListIsAnOrder) {
  EXPECT_THAT(backendsOf(Names{"webnn", "cpu"}).value(),
              ElementsAre(Backend::WebNn, Backend::Wasm));
  EXPECT_THAT(backendsOf(Names{"cpu", "wasm"}).value(), ElementsAre(Backend::Wasm));
  EXPECT_THAT(backendsOf(Names{}).value(), ElementsAre(Backend::Auto));
  EXPECT_THAT(backendsOf(Names{"webgpu", "auto"}).value(), ElementsAre(Backend::Auto));
  EXPECT_EQ(backendsOf(Names{"cuda"}).error().category, ErrorCategory::InvalidArgument);
}

TEST(Preferences, ABrowserStandsForItsFamily) {
  const Names installed{"chromium", "firefox", "webkit"};
  EXPECT_THAT(browsersFor("edge", installed).value(), ElementsAre("chromium"));
  EXPECT_THAT(browsersFor("safari", installed).value(), ElementsAre("webkit"));
  EXPECT_THAT(browsersFor("firefox", installed).value(), ElementsAre("firefox"));
  EXPECT_EQ(browsersFor("", installed).value(), installed);
  EXPECT_THAT(browsersFor("chrome", Names{"chromium", "chrome"}).value(),
              ElementsAre("chrome", "chromium"));
  const auto none = browsersFor("firefox", Names{"chromium"});
  EXPECT_EQ(none.error().category, ErrorCategory::BrowserNotFound);
  EXPECT_THAT(none.error().hint, HasSubstr("chromium"));
  EXPECT_EQ(browsersFor("opera", installed).error().category, ErrorCategory::InvalidArgument);
}

TEST(Preferences, TasksBelongToTypes) {
  EXPECT_EQ(taskFor("audio", "automatic-speech-recognition"), "automatic-speech-recognition");
  EXPECT_EQ(taskFor("vision", "text-embedding"), "");
  EXPECT_EQ(taskFor("multimodal", "tensors"), "tensors");
  EXPECT_EQ(typeOf("optical-character-recognition"), "vision");
  EXPECT_TRUE(isType("text_generation"));
  EXPECT_FALSE(isType("video"));
}

TEST(Preferences, AGraphIsTriedForATaskWhoseInputsItHas) {
  const auto graph = [](std::initializer_list<const char*> inputs) {
    ModelDescription description;
    for (const auto* name : inputs) description.inputs.emplace_back().name = name;
    return description;
  };
  EXPECT_EQ(taskOfGraphs("audio", graph({"input", "state", "sr"})), "voice-activity-detection");
  EXPECT_EQ(taskOfGraphs("audio", graph({"input"})), "");
  EXPECT_EQ(taskOfGraphs("text_embedding", graph({"input_ids"})), "text-embedding");
  EXPECT_EQ(taskOfGraphs("vision", graph({"input", "state", "sr"})), "");
}

}  // namespace
}  // namespace webpool::bridge
