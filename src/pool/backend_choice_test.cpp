#include "pool/backend_choice.h"

#include <gtest/gtest.h>

namespace webpool::pool {
namespace {

BrowserCapabilities withAdapter(bool software, bool shaderF16) {
  BrowserCapabilities browser;
  browser.browser = "chromium";
  AdapterInfo adapter;
  adapter.description = "Adapter";
  adapter.software = software;
  adapter.shaderF16 = shaderF16;
  browser.webgpu = adapter;
  return browser;
}

TEST(BackendChoice, AutoTakesAHardwareAdapterOnly) {
  EXPECT_EQ(chooseBackend(Backend::Auto, false, withAdapter(false, false)), Backend::WebGpu);
  EXPECT_EQ(chooseBackend(Backend::Auto, false, withAdapter(true, true)), Backend::Wasm);
  EXPECT_EQ(chooseBackend(Backend::Auto, false, {}), Backend::Wasm);
  EXPECT_EQ(chooseBackend(Backend::Auto, true, withAdapter(false, false)), Backend::Wasm);
  EXPECT_EQ(chooseBackend(Backend::Auto, true, withAdapter(false, true)), Backend::WebGpu);
}

TEST(BackendChoice, AnExplicitBackendIsNeverReplaced) {
  EXPECT_EQ(chooseBackend(Backend::WebGpu, false, withAdapter(true, false)), Backend::WebGpu);
  EXPECT_EQ(chooseBackend(Backend::Wasm, true, withAdapter(false, true)), Backend::Wasm);
  const auto none = chooseBackend(Backend::WebGpu, false, {});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().category, ErrorCategory::Unsupported);
  EXPECT_FALSE(chooseBackend(Backend::WebNn, false, withAdapter(false, true)));
}

TEST(BackendChoice, Fp16NeedsShaderF16AndTheErrorNamesTheAdapter) {
  const auto refused = chooseBackend(Backend::WebGpu, true, withAdapter(true, false));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().category, ErrorCategory::Unsupported);
  EXPECT_NE(refused.error().message.find("Adapter (software)"), std::string::npos);
  EXPECT_NE(refused.error().message.find("shader-f16"), std::string::npos);
}

TEST(BackendChoice, ThreadsNeverOversubscribeByThemselves) {
  BrowserCapabilities browser;
  browser.crossOriginIsolated = true;
  browser.cores = 2;
  browser.wasmThreads = true;
  EXPECT_EQ(chooseThreads(0, browser, 64), 1u);
  browser.cores = 16;
  EXPECT_EQ(chooseThreads(0, browser, 64), 4u);
  EXPECT_EQ(chooseThreads(7, browser, 64), 7u);
  browser.crossOriginIsolated = false;
  EXPECT_EQ(chooseThreads(7, browser, 64), 1u);
}

}  // namespace
}  // namespace webpool::pool
