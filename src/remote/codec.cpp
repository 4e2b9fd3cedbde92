#include "remote/codec.h"

#include <fmt/format.h>

#include "remote/fields.h"

namespace webpool::remote {

template <class A, Of<TensorSpec> S>
void fields(A& a, S& spec) {
  a("name", spec.name);
  a("datatype", spec.type);
  a("shape", spec.shape);
  a("symbols", spec.symbols);
  a("rank_known", spec.rankKnown);
}

template <class A, Of<LanguageInfo> S>
void fields(A& a, S& language) {
  a("architecture", language.architecture);
  a("quantisation", language.quantisation);
  a("context", language.context);
  a("trained_context", language.trainedContext);
  a("longest_token", language.longestToken);
  a("chat_template", language.chatTemplate);
}

template <class A, Of<ModelDescription> S>
void fields(A& a, S& model) {
  a("name", model.name);
  a("task", model.task);
  a("dtype", model.dtype);
  a("cid", model.cid);
  a("bytes", model.bytes);
  a("component", model.component);
  a("components", model.components);
  a("inputs", model.inputs);
  a("outputs", model.outputs);
  a("metadata", model.metadata);
  a("uses_fp16", model.usesFp16);
  a("weights", model.weights);
  a("language", model.language);
}

template <class A, Of<ComponentTimings> S>
void fields(A& a, S& component) {
  a("name", component.name);
  a("complete_ms", component.completeMs);
  a("begun_ms", component.begunMs);
  a("ready_ms", component.readyMs);
}

template <class A, Of<LoadTimings> S>
void fields(A& a, S& timings) {
  a("launch_ms", timings.launchMs);
  a("fetch_ms", timings.fetchMs);
  a("compile_ms", timings.compileMs);
  a("warmup_ms", timings.warmupMs);
  a("total_ms", timings.totalMs);
  a("bytes_network", timings.bytesNetwork);
  a("bytes_cache", timings.bytesCache);
  a("bytes_peer", timings.bytesPeer);
  a("components", timings.components);
}

template <class A, Of<RunTimings> S>
void fields(A& a, S& timings) {
  a("queue_ms", timings.queueMs);
  a("run_ms", timings.runMs);
  a("total_ms", timings.totalMs);
  a("cached", timings.cached);
}

template <class A, Of<AdapterInfo> S>
void fields(A& a, S& adapter) {
  a("vendor", adapter.vendor);
  a("architecture", adapter.architecture);
  a("device", adapter.device);
  a("description", adapter.description);
  a("software", adapter.software);
  a("shader_f16", adapter.shaderF16);
  a("max_buffer_size", adapter.maxBufferSize);
  a("max_storage_buffer_binding_size", adapter.maxStorageBufferBindingSize);
  a("max_compute_workgroup_storage_size", adapter.maxComputeWorkgroupStorageSize);
  a("max_compute_invocations_per_workgroup", adapter.maxComputeInvocationsPerWorkgroup);
  a("features", adapter.features);
  a("subgroup_min_size", adapter.subgroupMinSize);
  a("subgroup_max_size", adapter.subgroupMaxSize);
}

template <class A, Of<Placement> S>
void fields(A& a, S& placement) {
  a("counted", placement.counted);
  a("on_backend", placement.onBackend);
}

template <class A, Of<RanOn> S>
void fields(A& a, S& ranOn) {
  a("browser", ranOn.browser);
  a("browser_version", ranOn.browserVersion);
  a("connection", ranOn.connection);
  a("trust", ranOn.trust);
  a("backend", ranOn.backend);
  a("label", ranOn.label);
  a("placement", ranOn.placement);
  a("adapter", ranOn.adapter);
  a("dtype", ranOn.dtype);
  a("wasm_threads", ranOn.wasmThreads);
  a("checked_by", ranOn.checkedBy);
  a("server", ranOn.server);
}

template <class A, Of<ModelInfo> S>
void fields(A& a, S& model) {
  a("name", model.name);
  a("task", model.task);
  a("dtype", model.dtype);
  a("cid", model.cid);
  a("bytes", model.bytes);
  a("component", model.component);
  a("components", model.components);
  a("inputs", model.inputs);
  a("outputs", model.outputs);
  a("metadata", model.metadata);
  a("weights", model.weights);
  a("language", model.language);
  a("lowered_from", model.loweredFrom);
  a("timings", model.timings);
  a("ran_on", model.ranOn);
}

template <class A, Of<ModelOptions> S>
void fields(A& a, S& options) {
  a("task", options.task);
  a("backend", options.backend);
  a("browser", options.browser);
  a("least_trust", options.leastTrust);
  a("dtype", options.dtype);
  a("precision", options.precision);
  a("mixed_precision", options.mixedPrecision);
  a("may_lower", options.mayLower);
  a("component", options.component);
  a("context", options.context);
  a("lazy", options.lazy);
}

template <class A, Of<RunOptions> S>
void fields(A& a, S& options) {
  a("timeout_ms", options.timeout);
  a("parameters", options.parameters);
  a("conversation", options.conversation);
  a("priority", options.priority);
  a("caller", options.caller);
  a("shared", options.shared);
}

template <class A, Of<Inference> S>
void fields(A& a, S& inference) {
  a("timings", inference.timings);
  a("ran_on", inference.ranOn);
  a("cached", inference.cached);
  a("batch_items", inference.batchItems);
  a("details", inference.details);
}

template <class A, Of<PartialAnswer> S>
void fields(A& a, S& part) {
  a("text", part.text);
  a("tokens", part.tokens);
}

template <class A, Of<Progress> S>
void fields(A& a, S& progress) {
  a("step", progress.step);
  a("detail", progress.detail);
  a("done", progress.done);
  a("total", progress.total);
}

template <class A, Of<StateChange> S>
void fields(A& a, S& change) {
  a("from", change.from);
  a("to", change.to);
  a("reason", change.reason);
  a("detail", change.detail);
  a("age_ms", change.at);
}

/// When it was, in seconds of age: fractions, so that its order among others is kept.
double ageOf(const ScalingEvent& event) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - event.at).count();
}

template <class A, Of<ScalingEvent> S>
void fieldsBesideAge(A& a, S& event) {
  a("model", event.model);
  a("action", event.action);
  a("workers", event.workers);
  a("foreseen", event.foreseen);
  a("reason", event.reason);
}

template <class A>
void fields(A& a, const ScalingEvent& event) {
  fieldsBesideAge(a, event);
  a("age_s", ageOf(event));
}

template <class A>
void fields(A& a, ScalingEvent& event) {
  fieldsBesideAge(a, event);
  double age = 0;
  a("age_s", age);
  // One that says nonsense is of now; the clock's own range is some hundreds of years.
  constexpr double kLongest = 1e9;
  const std::chrono::duration<double> ago(age >= 0 && age <= kLongest ? age : 0);
  event.at = std::chrono::steady_clock::now() -
             std::chrono::duration_cast<std::chrono::steady_clock::duration>(ago);
}

template <class A, Of<ConnectionStats> S>
void fields(A& a, S& connection) {
  a("label", connection.label);
  a("browser", connection.browser);
  a("trust", connection.trust);
  a("accepting", connection.accepting);
  a("state", connection.state);
  a("pid", connection.pid);
  a("models", connection.models);
  a("launches", connection.launches);
  a("launch_ms", connection.launchMs);
  a("jobs", connection.jobs);
  a("late_answers", connection.lateAnswers);
  a("pss", connection.pss);
  a("wasm", connection.wasm);
  a("gpu", connection.gpu);
  a("js_heap", connection.jsHeap);
  a("history", connection.history);
}

template <class A, Of<ModelCalls> S>
void fields(A& a, S& calls) {
  a("model", calls.model);
  a("waiting", calls.waiting);
  a("running", calls.running);
  a("hedged", calls.hedged);
}

template <class A, Of<WebNnContext> S>
void fields(A& a, S& context) {
  a("device_type", context.deviceType);
  a("runs_on", context.runsOn);
  a("matmul_ms", context.matmulMs);
}

template <class A, Of<BrowserCapabilities> S>
void fields(A& a, S& browser) {
  a("browser", browser.browser);
  a("version", browser.version);
  a("user_agent", browser.userAgent);
  a("cross_origin_isolated", browser.crossOriginIsolated);
  a("cores", browser.cores);
  a("cores_trusted", browser.coresTrusted);
  a("memory_gib", browser.memoryGib);
  a("wasm_simd", browser.wasmSimd);
  a("wasm_threads", browser.wasmThreads);
  a("wasm_relaxed_simd", browser.wasmRelaxedSimd);
  a("webgpu", browser.webgpu);
  a("webnn", browser.webnn);
  a("webnn_contexts", browser.webnnContexts);
  a("opfs", browser.opfs);
  a("workers", browser.workers);
}

template <class A>
void fields(A& a, const Error& error) {
  a("category", std::string(categoryName(error.category)));
  a("message", error.message);
  a("hint", error.hint);
}

template <class A>
void fields(A& a, Error& error) {
  std::string category;
  a("category", category);
  error.category = categoryFromName(category);
  a("message", error.message);
  a("hint", error.hint);
}

template <class T>
json::object toJson(const T& value) {
  Writer writer;
  fields(writer, value);
  return writer.take();
}

template <class T>
Result<T> fromJson(const json::value& value) {
  if (!value.is_object()) {
    return fail(ErrorCategory::Protocol, "the other webpool's message lacks an object");
  }
  T read{};
  Reader reader(value.get_object());
  fields(reader, read);
  if (reader.wrong().empty()) return read;
  return fail(ErrorCategory::Protocol,
              fmt::format("the other webpool's message has a field '{}' that can't be read",
                          reader.wrong()),
              "both must be of versions that know each other");
}

#define WEBPOOL_REMOTE_VALUE(T)              \
  template json::object toJson<T>(const T&); \
  template Result<T> fromJson<T>(const json::value&);
WEBPOOL_REMOTE_VALUE(BrowserCapabilities)
WEBPOOL_REMOTE_VALUE(ConnectionStats)
WEBPOOL_REMOTE_VALUE(Error)
WEBPOOL_REMOTE_VALUE(Inference)
WEBPOOL_REMOTE_VALUE(ModelCalls)
WEBPOOL_REMOTE_VALUE(ModelDescription)
WEBPOOL_REMOTE_VALUE(ModelInfo)
WEBPOOL_REMOTE_VALUE(ModelOptions)
WEBPOOL_REMOTE_VALUE(PartialAnswer)
WEBPOOL_REMOTE_VALUE(Progress)
WEBPOOL_REMOTE_VALUE(RunOptions)
WEBPOOL_REMOTE_VALUE(ScalingEvent)
#undef WEBPOOL_REMOTE_VALUE

}  // namespace webpool::remote
