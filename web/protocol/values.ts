// The values that messages carry (docs/protocol.md, "Values"). Sizes in bytes, times in ms.
import type { Datatype } from './tensor';

export type BackendName = 'wasm' | 'webgpu' | 'webnn';
export const BACKENDS: readonly BackendName[] = ['wasm', 'webgpu', 'webnn'];

/** The stable names of include/webpool/error.h. */
export const ERROR_CATEGORIES = [
  'invalid_argument',
  'invalid_model',
  'invalid_input',
  'not_found',
  'unsupported',
  'browser_not_found',
  'browser_failed',
  'worker_lost',
  'device_lost',
  'wrong_result',
  'integrity',
  'storage',
  'no_space',
  'busy',
  'port_in_use',
  'out_of_memory',
  'fetch',
  'timeout',
  'cancelled',
  'protocol',
  'unauthorized',
  'internal',
] as const;
export type ErrorCategory = (typeof ERROR_CATEGORIES)[number];

export interface WebGpuInfo {
  vendor: string;
  architecture: string;
  device: string;
  description: string;
  /** A fallback adapter: it computes on the CPU. */
  software: boolean;
  shader_f16: boolean;
  limits: {
    max_buffer_size: number;
    max_storage_buffer_binding_size: number;
    max_compute_workgroup_storage_size: number;
    max_compute_invocations_per_workgroup: number;
  };
  /** Of the adapter, as the browser names them. */
  features: string[];
  /** Lanes, where the browser tells. */
  subgroup_min_size: number | null;
  subgroup_max_size: number | null;
}

/** A WebNN context. */
export interface WebNnInfo {
  /** What it was asked for, which is not what it computes on. */
  device_type: string;
  /** It could be created. */
  ok: boolean;
  runs_on: 'cpu' | 'like-cpu' | 'unlike-cpu' | 'unknown';
  /** Of a product of two 512 x 512 matrices; null where it was not measured. */
  matmul_ms: number | null;
}

/** Only what was measured. */
export interface Capabilities {
  browser: { user_agent: string; brand: string; version: string };
  cross_origin_isolated: boolean;
  cores: number;
  /** False where this browser is known to tell another number than there is. */
  cores_trusted: boolean;
  memory_gib: number | null;
  wasm: { simd: boolean; threads: boolean; relaxed_simd: boolean };
  webgpu: WebGpuInfo | null;
  webnn: WebNnInfo[];
  opfs: boolean;
  workers: boolean;
}

export interface FileEntry {
  path: string;
  cid: string;
  size: number;
}

/** A graph's input or output; −1 is a free dimension. */
export interface TensorSpec {
  name: string;
  datatype: Datatype;
  shape: number[];
}

/** How many MatMul, Conv and Attention nodes each execution provider got. */
export interface Placement {
  counted: number;
  on_backend: number;
  by_provider: Record<string, number>;
}

/** Of one graph's session; ms from the begin of the load. */
export interface ComponentTimings {
  name: string;
  /** Its last byte was verified. */
  complete_ms: number;
  /** The making of its session began. */
  begun_ms: number;
  ready_ms: number;
}

export interface LoadTimings {
  /** Until the last byte was verified. */
  fetch_ms: number;
  /** All sessions' making together; it may lie within the time of the fetch. */
  compile_ms: number;
  warmup_ms: number;
  /** From the pool. */
  bytes_network: number;
  bytes_cache: number;
  /** From other browsers. */
  bytes_peer: number;
  components: ComponentTimings[];
}

export interface RunTimings {
  queue_ms: number;
  run_ms: number;
}

export interface ModelStats {
  model: string;
  backend: BackendName;
  /** Finished since the model was loaded. */
  runs: number;
  /** Waiting or running. */
  open: number;
  bytes: number;
  /** The WebAssembly memory of its run Worker; null where it is not known. */
  wasm_bytes: number | null;
  /** Live WebGPU buffers that its run Worker made; null where none could be counted. */
  gpu_bytes: number | null;
}

/** null where the browser does not tell. */
export interface MemoryStats {
  /** Of all run Workers. */
  wasm: number | null;
  gpu: number | null;
  js_heap: number | null;
  opfs_used: number | null;
  opfs_quota: number | null;
}
