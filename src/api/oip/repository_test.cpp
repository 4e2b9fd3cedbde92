#include "api/oip/repository.h"

#include <gmock/gmock.h>

namespace webpool::api::oip {
namespace {

using testing::HasSubstr;

template <class T>
std::string refused(const Result<T>& parsed) {
  if (parsed) return "it was taken";
  EXPECT_EQ(parsed.error().category, ErrorCategory::InvalidInput);
  return parsed.error().message;
}

TEST(OipRepository, WhatTritonsClientSendsIsTaken) {
  for (const auto* body : {"", "{}", R"({"parameters": {}})", R"({"parameters": null})"}) {
    EXPECT_TRUE(parseLoad(body)) << body;
    EXPECT_TRUE(parseUnload(body)) << body;
  }
  for (const auto* flag : {"true", "false", "null"}) {
    const std::string body = R"({"parameters": {"unload_dependents": )" + std::string(flag) + "}}";
    EXPECT_TRUE(parseUnload(body)) << body;
  }
}

TEST(OipRepository, ALoadIsOfWhatTheStoreHas) {
  EXPECT_THAT(refused(parseLoad(R"({"parameters": {"config": "{}"}})")),
              HasSubstr("parameters.config: models come from the server's store"));
  EXPECT_THAT(refused(parseLoad(R"({"parameters": {"file:1/model.onnx": "AAAA"}})")),
              HasSubstr("parameters.file:1/model.onnx: models come from the server's store"));
  EXPECT_TRUE(parseLoad(R"({"parameters": {"config": null}})"));
}

TEST(OipRepository, WhatIsNotKnownIsRefusedByName) {
  EXPECT_THAT(refused(parseLoad(R"({"parameters": {"dtype": "fp16"}})")),
              HasSubstr("parameters.dtype: there is no such parameter"));
  EXPECT_THAT(refused(parseLoad(R"({"config": "{}"})")), HasSubstr("config: there is no such"));
  EXPECT_THAT(refused(parseUnload(R"({"parameters": {"x": 1}})")), HasSubstr("parameters.x: "));
  EXPECT_THAT(refused(parseUnload(R"({"parameters": {"unload_dependents": 1}})")),
              HasSubstr("unload_dependents: neither true nor false"));
  EXPECT_THAT(refused(parseIndex(R"({"redy": true})")), HasSubstr("redy: there is no such field"));
}

TEST(OipRepository, WhatIsNoJsonObjectIsRefused) {
  for (const auto* body : {"{bad", "[]", "1", R"({"parameters": 1})"}) {
    EXPECT_NE(refused(parseLoad(body)), "it was taken") << body;
    EXPECT_NE(refused(parseUnload(body)), "it was taken") << body;
    EXPECT_NE(refused(parseIndex(body)), "it was taken") << body;
  }
}

TEST(OipRepository, TheIndexMayBeOfThoseThatAreReady) {
  EXPECT_EQ(parseIndex(R"({"ready": true})"), true);
  for (const auto* body : {"", "{}", R"({"ready": false})", R"({"ready": null})"}) {
    EXPECT_EQ(parseIndex(body), false) << body;
  }
  EXPECT_THAT(refused(parseIndex(R"({"ready": 1})")), HasSubstr("ready: neither true nor false"));
}

}  // namespace
}  // namespace webpool::api::oip
