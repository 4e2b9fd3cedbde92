// What this browser can do, measured and not looked up by name. Runs in a Worker; all parts at
// once, each with a deadline, because some browsers never answer some of the questions.

import type { Capabilities, WebGpuInfo } from '../../protocol/values';
import { type UserAgentData, browserName } from './browser-name';
import { within } from '../deadline';
import { keptAlive } from '../keep-alive';
import { type AdapterFacts, describeAdapter } from './adapter';
import { wasmSupport } from './wasm-support';

const kDeadline = 3000; // ms
const kAdapterDeadline = 8000; // ms: a GPU process may have to start first.

interface WorkerNavigatorExtras {
  userAgentData?: UserAgentData;
  deviceMemory?: number;
  ml?: { createContext(options: { deviceType: string }): Promise<unknown> };
}

export async function probe(): Promise<Capabilities> {
  const extras = navigator as unknown as WorkerNavigatorExtras;
  const [webgpu, webnn, opfs] = await Promise.all([
    attempt(kAdapterDeadline, null, adapter()),
    contexts(extras),
    attempt(kDeadline, false, canStore()),
  ]);
  return {
    browser: browserName(navigator.userAgent, extras.userAgentData),
    cross_origin_isolated: self.crossOriginIsolated,
    cores: navigator.hardwareConcurrency,
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
  };
  return describeAdapter(facts);
}

/** Moved from the adapter to its info in the course of the standard. */
function isFallback(adapter: GPUAdapter): boolean {
  const info = adapter.info as { isFallbackAdapter?: boolean };
  const older = adapter as unknown as { isFallbackAdapter?: boolean };
  return info.isFallbackAdapter ?? older.isFallbackAdapter ?? false;
}

async function contexts(extras: WorkerNavigatorExtras): Promise<Capabilities['webnn']> {
  const { ml } = extras;
  if (!ml) return [];
  const types = ['cpu', 'gpu', 'npu'];
  return Promise.all(
    types.map(async (type) => ({
      device_type: type,
      ok: await attempt(
        kDeadline,
        false,
        ml.createContext({ deviceType: type }).then(() => true),
      ),
    })),
  );
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
