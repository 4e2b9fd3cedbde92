#include "browsers/machine.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "browsers/test_support.h"

namespace webpool::browsers {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

class Machine : public testing::Test {
 protected:
  Machine() {
    environment_.root = folder_.path();
    environment_.userId = 1000;
  }

  MachineFacts inspect() const { return inspectMachine(environment_, folder_.path() / "chromium"); }
  void file(const std::string& path, std::string_view text = "") {
    test::writeText(folder_.path() / path, text);
  }

  test::TempFolder folder_;
  Environment environment_;
};

TEST_F(Machine, AUserKeepsTheSandbox) {
  EXPECT_TRUE(inspect().sandbox);
  EXPECT_THAT(inspect().notice, IsEmpty());
}

TEST_F(Machine, RootHasNone) {
  environment_.userId = 0;
  EXPECT_FALSE(inspect().sandbox);
  EXPECT_THAT(inspect().notice, HasSubstr("root"));
}

TEST_F(Machine, AContainerHasNone) {
  file(".dockerenv");
  EXPECT_FALSE(inspect().sandbox);
  EXPECT_THAT(inspect().notice, HasSubstr("container (/.dockerenv)"));
}

TEST_F(Machine, AContainerByFileVariableOrGroup) {
  environment_.variables["container"] = "podman";
  EXPECT_THAT(inspect().notice, HasSubstr("container=podman"));
  environment_.variables.clear();
  file("proc/1/cgroup", "0::/kubepods/pod1\n");
  EXPECT_THAT(inspect().notice, HasSubstr("kubepods"));
  file("proc/1/cgroup", "0::/\n");
  EXPECT_TRUE(inspect().sandbox);
  file("run/.containerenv");
  EXPECT_THAT(inspect().notice, HasSubstr(".containerenv"));
}

TEST_F(Machine, ASandboxThatMayNotStartStaysOnAndIsSaid) {
  file("proc/sys/kernel/unprivileged_userns_clone", "0\n");
  EXPECT_TRUE(inspect().sandbox);
  EXPECT_THAT(inspect().notice, HasSubstr("may not start"));
}

TEST_F(Machine, TheSetuidHelperMakesUpForUserNamespaces) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can make a setuid-root file";
  file("proc/sys/user/max_user_namespaces", "0\n");
  file("chrome-sandbox");
  EXPECT_THAT(inspect().notice, HasSubstr("may not start"));
  ::chmod((folder_.path() / "chrome-sandbox").c_str(), 04755);
  EXPECT_THAT(inspect().notice, IsEmpty());
}

TEST_F(Machine, AGpuIsARenderNodeOrAnNvidiaDevice) {
  EXPECT_FALSE(inspect().gpu);
  file("dev/dri/card0");
  EXPECT_FALSE(inspect().gpu);
  file("dev/dri/renderD128");
  EXPECT_TRUE(inspect().gpu);
}

TEST_F(Machine, NamesTheGpu) {
  EXPECT_EQ(inspect().gpuName, "");
  file("dev/dri/renderD128");
  EXPECT_EQ(inspect().gpuName, "GPU (renderD128)");
  file("sys/class/drm/renderD128/device/vendor", "0x8086\n");
  file("sys/class/drm/renderD128/device/device", "0x9a49\n");
  file("sys/class/drm/renderD128/device/uevent", "DRIVER=i915\nPCI_CLASS=30000\n");
  EXPECT_EQ(inspect().gpuName, "Intel (i915, 8086:9a49)");
  file("dev/nvidia0");
  EXPECT_EQ(inspect().gpuName, "NVIDIA");
  file("proc/driver/nvidia/gpus/0000:01:00.0/information",
       "Model: \t\t NVIDIA H100 80GB HBM3\nIRQ:   \t\t 100\n");
  EXPECT_EQ(inspect().gpuName, "NVIDIA H100 80GB HBM3");
}

TEST_F(Machine, FirefoxNeedsNoPermissionForItsSandbox) {
  environment_.userId = 0;
  file(".dockerenv");
  const auto facts =
      inspectMachine(environment_, folder_.path() / "firefox", SandboxRule::AlwaysOn);
  EXPECT_TRUE(facts.sandbox);
  EXPECT_THAT(facts.notice, IsEmpty());
}

TEST_F(Machine, BubblewrapIsOffWhereItCanNotStart) {
  const auto bubblewrap = [this] {
    return inspectMachine(environment_, folder_.path() / "MiniBrowser", SandboxRule::Bubblewrap);
  };
  EXPECT_TRUE(bubblewrap().sandbox);
  file("proc/sys/user/max_user_namespaces", "0\n");
  EXPECT_FALSE(bubblewrap().sandbox);
  EXPECT_THAT(bubblewrap().notice, HasSubstr("user namespaces"));
  file("proc/sys/user/max_user_namespaces", "1000\n");
  environment_.userId = 0;
  EXPECT_FALSE(bubblewrap().sandbox);
  EXPECT_THAT(bubblewrap().notice, HasSubstr("root"));
}

TEST_F(Machine, NoSharedMemoryFolderIsSmall) {
  EXPECT_TRUE(inspect().smallSharedMemory);
}

}  // namespace
}  // namespace webpool::browsers
