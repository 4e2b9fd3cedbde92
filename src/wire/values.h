// The values that messages carry (docs/protocol.md, "Values"). Sizes in bytes, times in
// milliseconds.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "webpool/tensor.h"

namespace webpool::wire {

enum class Backend { Wasm, WebGpu, WebNn };

/// "wasm", "webgpu", "webnn"
std::string_view backendName(Backend backend) noexcept;
std::optional<Backend> backendFromName(std::string_view name) noexcept;

struct BrowserInfo {
  std::string userAgent;
  std::string brand;
  std::string version;
};

struct WebGpuInfo {
  std::string vendor;
  std::string architecture;
  std::string device;
  std::string description;
  bool software = false;  ///< a fallback adapter: it computes on the CPU
  bool shaderF16 = false;
  std::uint64_t maxBufferSize = 0;
  std::uint64_t maxStorageBufferBindingSize = 0;
  std::uint64_t maxComputeWorkgroupStorageSize = 0;     ///< 0: an older page did not tell
  std::uint64_t maxComputeInvocationsPerWorkgroup = 0;  ///< 0: an older page did not tell
  std::vector<std::string> features = {};               ///< of the adapter: "shader-f16", …
  std::optional<std::uint64_t> subgroupMinSize = {};    ///< lanes, where the browser tells
  std::optional<std::uint64_t> subgroupMaxSize = {};
};

struct WebNnInfo {
  std::string deviceType;
  bool ok = false;
  /// "cpu", "like-cpu" (measured), "unlike-cpu" (measured) or "unknown": a context of type "gpu"
  /// may well compute on the CPU.
  std::string runsOn = "unknown";
  std::optional<double> matmulMs = {};  ///< of a product of two 512 x 512 matrices, where measured
};

/// Only what the page measured.
struct Capabilities {
  BrowserInfo browser;
  bool crossOriginIsolated = false;
  std::uint64_t cores = 1;
  bool coresTrusted = true;  ///< false: this browser is known to tell another number than it has
  std::optional<double> memoryGib;  ///< where the browser tells; rounded by it
  bool wasmSimd = false;
  bool wasmThreads = false;
  bool wasmRelaxedSimd = false;
  std::optional<WebGpuInfo> webgpu;  ///< none: no adapter answered
  std::vector<WebNnInfo> webnn;
  bool opfs = false;
  bool workers = false;
};

struct FileEntry {
  std::string path;
  std::string cid;
  std::uint64_t size = 0;
};

/// A graph's input or output; -1 is a free dimension.
struct TensorSpec {
  std::string name;
  DataType type = DataType::Fp32;
  Shape shape;
};

/// How many MatMul, Conv and Attention nodes each execution provider got.
struct Placement {
  std::uint64_t counted = 0;
  std::uint64_t onBackend = 0;
  std::map<std::string, std::uint64_t> byProvider;
};

/// Of one graph's session, from the begin of the load.
struct ComponentTimings {
  std::string name;
  double completeMs = 0;  ///< its last byte was verified
  double begunMs = 0;
  double readyMs = 0;
};

struct LoadTimings {
  double fetchMs = 0;
  double compileMs = 0;
  double warmupMs = 0;
  std::uint64_t bytesNetwork = 0;
  std::uint64_t bytesCache = 0;
  std::uint64_t bytesPeer = 0;                    ///< from other browsers
  std::vector<ComponentTimings> components = {};  ///< empty: an older page does not tell
};

struct RunTimings {
  double queueMs = 0;
  double runMs = 0;
};

struct ModelStats {
  std::string model;
  Backend backend = Backend::Wasm;
  std::uint64_t runs = 0;  ///< finished
  std::uint64_t open = 0;  ///< waiting or running
  std::uint64_t bytes = 0;
  std::optional<std::uint64_t> wasmBytes;  ///< the WebAssembly memory of its run Worker
  std::optional<std::uint64_t> gpuBytes;   ///< live WebGPU buffers that its run Worker made
};

/// Absent where the browser does not tell.
struct MemoryStats {
  std::optional<std::uint64_t> wasm;  ///< of all run Workers
  std::optional<std::uint64_t> gpu;   ///< of all run Workers
  std::optional<std::uint64_t> jsHeap;
  std::optional<std::uint64_t> opfsUsed;
  std::optional<std::uint64_t> opfsQuota;
};

}  // namespace webpool::wire
