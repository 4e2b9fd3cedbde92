// What this browser can do, measured and not looked up by name. Runs in a Worker; all parts at
// once, each with a deadline, because some browsers never answer some of the questions.

import type { Capabilities, WebGpuInfo } from '../../protocol/values';
import { type UserAgentData, areCoresTrusted, browserName } from './browser-name';
import { within } from '../deadline';
import { keptAlive } from '../keep-alive';
import { type AdapterFacts, describeAdapter } from './adapter';
import { wasmSupport } from './wasm-support';
import { type MlContext, probeContexts } from './webnn';

const kDeadline = 3000; // ms
const kAdapterDeadline = 8000; // ms: a GPU process may have to start first.

interface WorkerNavigatorExtras {
  userAgentData?: UserAgentData;
  deviceMemory?: number;
  ml?: { createContext(options: { deviceType: string }): Promise<MlContext> };
}

interface SubgroupInfo {
  subgroupMinSize?: number;
  subgroupMaxSize?: number;
}

/** `measureWebNn`: time what each WebNN context computes on, which takes a second or two. */
export async function probe(measureWebNn = false): Promise<Capabilities> {
  const extras = navigator as unknown as WorkerNavigatorExtras;
  const [webgpu, webnn, opfs] = await Promise.all([
    attempt(kAdapterDeadline, null, adapter()),
    probeContexts(extras.ml ?? null, measureWebNn, kDeadline),
    attempt(kDeadline, false, canStore()),
  ]);
  return {
    browser: browserName(navigator.userAgent, extras.userAgentData),
    cross_origin_isolated: self.crossOriginIsolated,
    cores: navigator.hardwareConcurrency,
    cores_trusted: areCoresTrusted(navigator.userAgent),
    memory_gib: extras.deviceMemory ?? null,
    wasm: wasmSupport(self.crossOriginIsolated),
    webgpu,
    webnn,
    opfs,
    workers: typeof Worker === 'function',
  };
}

/** `otherwise` where the work fails or takes longer. */
function attempt<T>(ms: number, otherwise: T, work: Promise<T>): Promise<T> {
  return within(ms, work, () => new Error('too slow')).catch(() => otherwise);
}

async function adapter(): Promise<WebGpuInfo | null> {
  const found = await navigator.gpu?.requestAdapter({ powerPreference: 'high-performance' });
  if (!found) return null;
  const facts: AdapterFacts = {
    vendor: found.info.vendor,
    architecture: found.info.architecture,
    device: found.info.device,
    description: found.info.description,
    isFallback: isFallback(found),
    shaderF16: found.features.has('shader-f16'),
    maxBufferSize: found.limits.maxBufferSize,
    maxStorageBufferBindingSize: found.limits.maxStorageBufferBindingSize,
    maxComputeWorkgroupStorageSize: found.limits.maxComputeWorkgroupStorageSize,
    maxComputeInvocationsPerWorkgroup: found.limits.maxComputeInvocationsPerWorkgroup,
    features: [...found.features],
    subgroupMinSize: (found.info as SubgroupInfo).subgroupMinSize,
    subgroupMaxSize: (found.info as SubgroupInfo).subgroupMaxSize,
  };
  return describeAdapter(facts);
}

/** Moved from the adapter to its info in the course of the standard. */
function isFallback(adapter: GPUAdapter): boolean {
  const info = adapter.info as { isFallbackAdapter?: boolean };
  const older = adapter as unknown as { isFallbackAdapter?: boolean };
  return info.isFallbackAdapter ?? older.isFallbackAdapter ?? false;
}

/** A file is really written and read: some modes offer the interface and refuse its use. */
async function canStore(): Promise<boolean> {
  const name = `probe-${crypto.randomUUID()}`;
  const root = await navigator.storage.getDirectory();
  const file = await keptAlive(root, () => root.getFileHandle(name, { create: true }));
  try {
    const handle = await keptAlive(file, () => file.createSyncAccessHandle());
    try {
      const read = new Uint8Array(3);
      handle.write(new Uint8Array([1, 2, 3]), { at: 0 });
      handle.read(read, { at: 0 });
      return read[2] === 3;
    } finally {
      handle.close();
    }
  } finally {
    await keptAlive(root, () => root.removeEntry(name));
  }
}
