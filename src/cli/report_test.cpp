#include "cli/report.h"

#include <gtest/gtest.h>

namespace webpool::cli {
namespace {

TEST(Report, ASoftwareAdapterIsNamedAsSuch) {
  RanOn ranOn{.browser = "chromium",
              .browserVersion = "156.0",
              .backend = Backend::WebGpu,
              .label = "webgpu",
              .placement = Placement{10, 10},
              .adapter = AdapterInfo{.vendor = "google",
                                     .architecture = "swiftshader",
                                     .device = "",
                                     .description = "SwiftShader",
                                     .software = true},
              .dtype = "fp32"};
  EXPECT_EQ(ranOnText(ranOn), "webgpu on SwiftShader (software), chromium 156.0, fp32");
  EXPECT_FALSE(toJson(ranOn).at("is_real_hardware").as_bool());
}

TEST(Report, MixedTellsTheShare) {
  RanOn ranOn{.browser = "chromium",
              .browserVersion = "156.0",
              .backend = Backend::WebGpu,
              .label = "mixed",
              .placement = Placement{10, 4},
              .adapter = {},
              .dtype = "q4"};
  EXPECT_EQ(ranOnText(ranOn), "mixed (40 % of the heavy nodes on webgpu), chromium 156.0, q4");
  ranOn.placement.reset();
  EXPECT_EQ(ranOnText(ranOn), "mixed (webgpu; node placement unknown), chromium 156.0, q4");
}

TEST(Report, SimilarityTableFitsEightyColumns) {
  const std::vector<std::string> texts(4, std::string(200, 'x'));
  const std::vector<std::vector<float>> vectors(4, {1.F, 0.F});
  const auto table = similarityTable(texts, vectors);
  for (std::size_t at = 0; at < table.size();) {
    const auto end = table.find('\n', at);
    EXPECT_LE(table.substr(at, end - at).size(), 82u);  // the ellipsis has three bytes
    at = end + 1;
  }
  EXPECT_NE(table.find(" 1.000"), std::string::npos);
}

}  // namespace
}  // namespace webpool::cli
