// The one instance of ONNX Runtime in a run Worker, which transformers.js shares: where its
// WebAssembly comes from (a module that the page compiled once for all its Workers), how many
// threads it has, and what it logs.

import * as ort from 'onnxruntime-web/webgpu';
import type { PoolError } from '../error';
import type { Bundle, RunnerMemory } from '../thread-messages';
import { GpuMemory, hastenReadback } from './gpu-memory';
import { deviceLost, gpuFailure } from './gpu-failures';
import { requestSafeAdapters } from './safe-adapter';
import type { SessionSettings } from './session-settings';

declare const kOrtLoader: string;

/** Read by ort-loader.mjs, in which Emscripten's own hooks are set. */
export interface LoaderHooks {
  module: Promise<WebAssembly.Module>;
  print: (line: string) => void;
  /** Set by the loader: the heap, shared with the threads. */
  memory?: WebAssembly.Memory;
}

const kLogLine = /\[[VIWEF]:onnxruntime:/;
/** Verbose and info: wanted only while a session is made. */
const kChatter = /\[[VI]:onnxruntime:/;
const kColours = /\x1b\[[\d;]*m/g;
const kHooks = Symbol.for('webpool.ort');

export class Runtime {
  private readonly hooks: LoaderHooks;
  private readonly gpu = new GpuMemory();
  private readonly doubler = new Map<string, Promise<ort.InferenceSession>>();
  private listener: ((line: string) => void) | null = null;
  /** Fails where ONNX Runtime could not be started. */
  ready: Promise<void> = Promise.resolve();

  constructor(
    readonly bundle: Bundle,
    module: Promise<WebAssembly.Module>,
    private readonly log: (line: string) => void,
    private readonly onGpuFailure: (failure: PoolError) => void,
  ) {
    this.hooks = { module, print: (line) => this.printed(line) };
    (globalThis as Record<symbol, unknown>)[kHooks] = this.hooks;
    if (navigator.gpu) requestSafeAdapters(navigator.gpu, (device) => this.onDevice(device));
    const loader = new URL(kOrtLoader, import.meta.url).href;
    void import(loader).catch(() => undefined); // Parsed by the time it is needed.
    ort.env.wasm.wasmPaths = { mjs: loader };
    ort.env.wasm.proxy = false;
    ort.env.logLevel = 'warning';
    this.takeConsole();
  }

  /** Instantiates the WebAssembly and its threads, in the background; see `ready`. */
  start(threads: number): void {
    ort.env.wasm.numThreads = threads;
    this.ready = createIdentitySession();
    this.ready.catch(() => undefined); // Whoever needs it awaits it.
  }

  get memory(): RunnerMemory {
    return { wasm: this.hooks.memory?.buffer.byteLength ?? null, gpu: this.gpu.bytes };
  }

  /**
   * A tiny inference, from the input to the answer; returns its milliseconds. The first one on a
   * backend makes its session. Throws where the answer is wrong.
   */
  async check(settings: SessionSettings): Promise<number> {
    const { backend, deviceType } = settings;
    const key = `${backend} ${deviceType}`;
    const making =
      this.doubler.get(key) ??
      ort.InferenceSession.create(kDoublingModel, {
        executionProviders: [backend === 'webnn' ? { name: 'webnn', deviceType } : backend],
      });
    this.doubler.set(key, making);
    making.catch(() => this.doubler.delete(key)); // The next check tries again.
    const session = await making;
    const begin = performance.now();
    const { y } = await session.run({ x: new ort.Tensor('float32', [kCheckValue], [1]) });
    const answer = y?.data[0];
    if (answer !== 2 * kCheckValue) {
      throw new Error(`twice ${kCheckValue} came out as ${String(answer)}`);
    }
    return performance.now() - begin;
  }

  private onDevice(device: GPUDevice): void {
    this.gpu.watch(device);
    if (/\bFirefox\//.test(navigator.userAgent)) hastenReadback(device);
    device.addEventListener('uncapturederror', ({ error }) => this.onGpuFailure(gpuFailure(error)));
    void device.lost.then((info) => {
      if (info.reason !== 'destroyed') this.onGpuFailure(deviceLost(info));
    });
  }

  /** Lines that ONNX Runtime logs while `work` goes on; they go nowhere else. */
  async capture<T>(work: () => Promise<T>): Promise<{ value: T; lines: string[] }> {
    const lines: string[] = [];
    this.listener = (line) => lines.push(line);
    try {
      return { value: await work(), lines };
    } finally {
      this.listener = null;
    }
  }

  /** Its log goes to this realm's console, by level; what it prints comes by the loader. */
  private takeConsole(): void {
    for (const level of ['debug', 'log', 'info', 'warn', 'error'] as const) {
      const usual = console[level].bind(console);
      console[level] = (...parts: unknown[]) => {
        const [text] = parts;
        if (typeof text === 'string' && kLogLine.test(text)) this.printed(text);
        else usual(...parts);
      };
    }
  }

  private printed(coloured: string): void {
    const line = coloured.replace(kColours, '');
    if (this.listener) this.listener(line);
    else if (!kChatter.test(line)) this.log(line);
  }
}

/** The smallest valid model, because ONNX Runtime Web starts only when a session is made. */
async function createIdentitySession(): Promise<void> {
  const session = await ort.InferenceSession.create(kIdentityModel, {
    executionProviders: ['wasm'],
  });
  await session.release();
}

// ModelProto{ir_version 8, graph{node{"x"->"y", Identity}, name "g", input x f32[1], output y},
// opset 13}
const kIdentityModel = new Uint8Array([
  8, 8, 58, 55, 10, 16, 10, 1, 120, 18, 1, 121, 34, 8, 73, 100, 101, 110, 116, 105, 116, 121, 18, 1,
  103, 90, 15, 10, 1, 120, 18, 10, 10, 8, 8, 1, 18, 4, 10, 2, 8, 1, 98, 15, 10, 1, 121, 18, 10, 10,
  8, 8, 1, 18, 4, 10, 2, 8, 1, 66, 2, 16, 13,
]);

const kCheckValue = 1.5;
// ModelProto{ir_version 8, graph{node{"x", "x" -> "y", Add}, name "g", input x f32[1], output y},
// opset 13}
const kDoublingModel = new Uint8Array([
  8, 8, 58, 53, 10, 14, 10, 1, 120, 10, 1, 120, 18, 1, 121, 34, 3, 65, 100, 100, 18, 1, 103, 90, 15,
  10, 1, 120, 18, 10, 10, 8, 8, 1, 18, 4, 10, 2, 8, 1, 98, 15, 10, 1, 121, 18, 10, 10, 8, 8, 1, 18,
  4, 10, 2, 8, 1, 66, 4, 10, 0, 16, 13,
]);
