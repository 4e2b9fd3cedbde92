#include "api/metrics.h"

#include <gmock/gmock.h>

namespace webpool::api {
namespace {

using testing::HasSubstr;

TEST(Metrics, CountsRequestsAndTheirTime) {
  Metrics metrics;
  for (int i = 0; i < 3; ++i) metrics.began();
  metrics.ended("infer", 200, "m", 0.003);
  metrics.ended("infer", 200, "m", 100);
  const auto text = metrics.text();
  EXPECT_THAT(text, HasSubstr("# TYPE webpool_http_requests_total counter\n"
                              "webpool_http_requests_total"
                              "{route=\"infer\",status=\"200\",model=\"m\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("webpool_http_requests_in_flight 1\n"));
  EXPECT_THAT(text, HasSubstr("_bucket{route=\"infer\",le=\"0.0025\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("_bucket{route=\"infer\",le=\"0.005\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("_bucket{route=\"infer\",le=\"+Inf\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("_sum{route=\"infer\"} 100.003\n"));
}

TEST(Metrics, GaugesAreReadWhenAskedForAndLabelsAreQuoted) {
  Metrics metrics;
  metrics.read([] {
    return std::vector<Gauge>{{.name = "a", .help = "A.", .labels = {{"x", "\"1\"\n"}}, .value = 1},
                              {.name = "a", .help = "A.", .labels = {{"x", "2"}}, .value = 2.5}};
  });
  EXPECT_THAT(metrics.text(), HasSubstr("# HELP a A.\n# TYPE a gauge\n"
                                        "a{x=\"\\\"1\\\"\\n\"} 1\na{x=\"2\"} 2.5\n"));
}

}  // namespace
}  // namespace webpool::api
