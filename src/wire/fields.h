// The keys of every message and value, once for both directions: `describe` names each field to a
// FieldWriter, which writes it, or to a FieldReader, which reads and checks it.
#pragma once

#include "wire/field_names.h"
#include "wire/limits.h"
#include "wire/messages.h"

namespace webpool::wire {

// F is a FieldWriter or FieldReader; its Ref<T> is const T& or T&.
#define WEBPOOL_FIELDS(Type) \
  template <class F>         \
  void describe(F& f, typename F::template Ref<Type> v)

WEBPOOL_FIELDS(BrowserInfo) {
  f.text("user_agent", v.userAgent);
  f.text("brand", v.brand);
  f.text("version", v.version);
}

WEBPOOL_FIELDS(WebGpuInfo) {
  f.text("vendor", v.vendor);
  f.text("architecture", v.architecture);
  f.text("device", v.device);
  f.text("description", v.description);
  f.boolean("software", v.software);
  f.boolean("shader_f16", v.shaderF16);
  f.group("limits", [&](F& limits) {
    limits.integer("max_buffer_size", v.maxBufferSize, 0, kMaxInteger);
    limits.integer("max_storage_buffer_binding_size", v.maxStorageBufferBindingSize, 0,
                   kMaxInteger);
    limits.optional("max_compute_workgroup_storage_size", [&](std::string_view key) {
      limits.integer(key, v.maxComputeWorkgroupStorageSize, 0, kMaxInteger);
    });
    limits.optional("max_compute_invocations_per_workgroup", [&](std::string_view key) {
      limits.integer(key, v.maxComputeInvocationsPerWorkgroup, 0, kMaxInteger);
    });
  });
  f.optional("features", [&](std::string_view key) { f.names(key, v.features); });
  f.optional("subgroup_min_size",
             [&](std::string_view key) { f.nullableSize(key, v.subgroupMinSize); });
  f.optional("subgroup_max_size",
             [&](std::string_view key) { f.nullableSize(key, v.subgroupMaxSize); });
}

WEBPOOL_FIELDS(WebNnInfo) {
  f.text("device_type", v.deviceType);
  f.boolean("ok", v.ok);
  f.optional("runs_on", [&](std::string_view key) { f.text(key, v.runsOn); });
  f.optional("matmul_ms", [&](std::string_view key) { f.nullableNumber(key, v.matmulMs); });
}

WEBPOOL_FIELDS(Capabilities) {
  f.object("browser", v.browser);
  f.boolean("cross_origin_isolated", v.crossOriginIsolated);
  f.integer("cores", v.cores, 1, 65536);
  f.optional("cores_trusted", [&](std::string_view key) { f.boolean(key, v.coresTrusted); });
  f.nullableNumber("memory_gib", v.memoryGib);
  f.group("wasm", [&](F& wasm) {
    wasm.boolean("simd", v.wasmSimd);
    wasm.boolean("threads", v.wasmThreads);
    wasm.optional("relaxed_simd",
                  [&](std::string_view key) { wasm.boolean(key, v.wasmRelaxedSimd); });
  });
  f.nullable("webgpu", v.webgpu);
  f.list("webnn", v.webnn);
  f.boolean("opfs", v.opfs);
  f.boolean("workers", v.workers);
}

WEBPOOL_FIELDS(FileEntry) {
  f.name("path", v.path);
  f.name("cid", v.cid);
  f.integer("size", v.size, 0, kMaxInteger);
}

WEBPOOL_FIELDS(TensorSpec) {
  f.name("name", v.name);
  f.dataType("datatype", v.type);
  f.shape("shape", v.shape);
}

WEBPOOL_FIELDS(Placement) {
  f.integer("counted", v.counted, 0, kMaxInteger);
  f.integer("on_backend", v.onBackend, 0, kMaxInteger);
  f.counts("by_provider", v.byProvider);
}

WEBPOOL_FIELDS(ComponentTimings) {
  f.name("name", v.name);
  f.number("complete_ms", v.completeMs);
  f.number("begun_ms", v.begunMs);
  f.number("ready_ms", v.readyMs);
}

WEBPOOL_FIELDS(LoadTimings) {
  f.number("fetch_ms", v.fetchMs);
  f.number("compile_ms", v.compileMs);
  f.number("warmup_ms", v.warmupMs);
  f.integer("bytes_network", v.bytesNetwork, 0, kMaxInteger);
  f.integer("bytes_cache", v.bytesCache, 0, kMaxInteger);
  f.optional("bytes_peer",
             [&](std::string_view key) { f.integer(key, v.bytesPeer, 0, kMaxInteger); });
  f.optional("components", [&](std::string_view key) { f.list(key, v.components); });
}

WEBPOOL_FIELDS(RunTimings) {
  f.number("queue_ms", v.queueMs);
  f.number("run_ms", v.runMs);
}

WEBPOOL_FIELDS(ModelStats) {
  f.name("model", v.model);
  f.choice("backend", v.backend, kBackendNames);
  f.integer("runs", v.runs, 0, kMaxInteger);
  f.integer("open", v.open, 0, kMaxInteger);
  f.integer("bytes", v.bytes, 0, kMaxInteger);
  f.optional("wasm_bytes", [&](std::string_view key) { f.nullableSize(key, v.wasmBytes); });
  f.optional("gpu_bytes", [&](std::string_view key) { f.nullableSize(key, v.gpuBytes); });
}

WEBPOOL_FIELDS(MemoryStats) {
  f.optional("wasm", [&](std::string_view key) { f.nullableSize(key, v.wasm); });
  f.optional("gpu", [&](std::string_view key) { f.nullableSize(key, v.gpu); });
  f.nullableSize("js_heap", v.jsHeap);
  f.nullableSize("opfs_used", v.opfsUsed);
  f.nullableSize("opfs_quota", v.opfsQuota);
}

WEBPOOL_FIELDS(Hello) {
  f.constant("protocol", kProtocolVersion);
  f.text("token", v.token);
  f.text("resume", v.resume);
  f.ids("known", v.known);
  f.text("page_version", v.pageVersion);
  f.object("capabilities", v.capabilities);
}

WEBPOOL_FIELDS(Progress) {
  f.integer("id", v.id, 1, kMaxInteger);
  f.choice("phase", v.phase, kPhaseNames);
  f.integer("loaded", v.loaded, 0, kMaxInteger);
  f.integer("total", v.total, 0, kMaxInteger);
  f.text("file", v.file);
}

WEBPOOL_FIELDS(Loaded) {
  f.integer("id", v.id, 1, kMaxInteger);
  f.name("model", v.model);
  f.choice("backend", v.backend, kBackendNames);
  f.list("inputs", v.inputs);
  f.list("outputs", v.outputs);
  f.nullable("placement", v.placement);
  f.integer("bytes", v.bytes, 0, kMaxInteger);
  f.object("timings", v.timings);
}

WEBPOOL_FIELDS(Partial) {
  f.integer("id", v.id, 1, kMaxInteger);
  f.integer("index", v.index, 0, kMaxInteger);
  f.json("data", v.data);
}

WEBPOOL_FIELDS(RunResult) {
  f.integer("id", v.id, 1, kMaxInteger);
  f.tensors("outputs", v.outputs);
  f.object("timings", v.timings);
  f.optional("details", [&](std::string_view key) { f.json(key, v.details); });
}

WEBPOOL_FIELDS(Stats) {
  f.integer("id", v.id, 1, kMaxInteger);
  f.list("models", v.models);
  f.object("memory", v.memory);
}

WEBPOOL_FIELDS(Checked) {
  f.integer("id", v.id, 1, kMaxInteger);
  f.boolean("ok", v.ok);
  f.number("ms", v.ms);
  f.message("message", v.message);
}

WEBPOOL_FIELDS(EchoResult) {
  f.integer("id", v.id, 1, kMaxInteger);
  f.tensors("outputs", v.outputs);
}

WEBPOOL_FIELDS(Failure) {
  f.integer("id", v.id, 0, kMaxInteger);
  f.category("category", v.error.category);
  f.message("message", v.error.message);
  f.message("hint", v.error.hint);
  f.names("lost", v.lost);
}

WEBPOOL_FIELDS(Log) {
  f.choice("level", v.level, kLogLevelNames);
  f.message("message", v.message);
}

WEBPOOL_FIELDS(Welcome) {
  f.constant("protocol", kProtocolVersion);
  f.text("session", v.session);
  f.integer("heartbeat_ms", v.heartbeatMs, 1, kMaxInteger);
  f.integer("grace_ms", v.graceMs, 0, kMaxInteger);
  f.integer("max_frame_size", v.maxFrameSize, 16, kMaxInteger);
  f.ids("open", v.open);
}

WEBPOOL_FIELDS(Load) {
  f.integer("id", v.id, 1, kMaxInteger);
  f.name("model", v.model);
  f.text("name", v.name);
  f.text("root", v.root);
  f.list("files", v.files);
  f.text("task", v.task);
  f.choice("backend", v.backend, kBackendNames);
  f.text("dtype", v.dtype);
  f.integer("threads", v.threads, 0, 1024);
  f.json("options", v.options);
}

WEBPOOL_FIELDS(Run) {
  f.integer("id", v.id, 1, kMaxInteger);
  f.name("model", v.model);
  f.tensors("inputs", v.inputs);
  f.json("parameters", v.parameters);
}

WEBPOOL_FIELDS(Unload) {
  f.integer("id", v.id, 1, kMaxInteger);
  f.name("model", v.model);
}

WEBPOOL_FIELDS(Check) {
  f.integer("id", v.id, 1, kMaxInteger);
  f.text("model", v.model);
}

WEBPOOL_FIELDS(EchoRequest) {
  f.integer("id", v.id, 1, kMaxInteger);
  f.tensors("inputs", v.inputs);
}

WEBPOOL_FIELDS(Close) {
  f.message("reason", v.reason);
}

WEBPOOL_FIELDS(FilePeers) {
  f.name("cid", v.cid);
  f.names("peers", v.peers);
}

WEBPOOL_FIELDS(Peers) {
  f.name("self", v.self);
  f.list("files", v.files);
}

WEBPOOL_FIELDS(Signal) {
  f.name("peer", v.peer);
  f.choice("kind", v.kind, kSignalNames);
  f.text("text", v.text);
}

#undef WEBPOOL_FIELDS

/// Messages that have only an `id`.
template <class M>
concept IdOnly = std::same_as<M, Unloaded> || std::same_as<M, Pong> || std::same_as<M, Drained> ||
                 std::same_as<M, Cancel> || std::same_as<M, StatsRequest> ||
                 std::same_as<M, Ping> || std::same_as<M, Drain>;

template <class F, class M>
  requires IdOnly<std::remove_const_t<M>>
void describe(F& f, M& v) {
  f.integer("id", v.id, 1, kMaxInteger);
}

}  // namespace webpool::wire
