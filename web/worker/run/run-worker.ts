// The thread in which one model lives: makes the session from the files that its file Worker brings,
// and runs one call after another. ONNX Runtime's run() may block this thread for its whole length, so
// whether a waiting call was cancelled is read from shared memory, not from a message.

import type { JsonObject } from '../../protocol/frame';
import type { LoadMessage, LogLevel } from '../../protocol/messages';
import type { LoadTimings, WebGpuInfo } from '../../protocol/values';
import { within } from '../deadline';
import { PoolError, errorText, toReport } from '../error';
import { kRuns } from '../patient-worker';
import { ProgressGate } from '../progress-gate';
import {
  type Bundle,
  CallFlag,
  type CheckCall,
  type FromRunner,
  type PageToRunner,
  type RunCall,
  type RunnerMemory,
  type ToRunner,
} from '../thread-messages';
import { Components } from './components';
import type { Engine, EngineContext, RunControl } from './engine';
import { loaderOf, takesComponents } from './engines';
import { ModelDownload } from './model-download';
import { Runtime } from './runtime';
import { componentName } from './session-factory';
import { type SessionSettings, sessionSettings } from './session-settings';
import { checkBackend } from './check-backend';
import { RunFailure, isFatal, loadFailure } from './ort-errors';

declare const kBundle: Bundle;
declare const kOrtWasm: string;

const kStartPatience = 60_000; // ms

function notStarted(): Error {
  const seconds = kStartPatience / 1000;
  return new PoolError(
    'internal',
    `ONNX Runtime did not start within ${seconds} s`,
    'open the page again; if that does not help, clear the browser profile',
  );
}

/**
 * `repeat` runs the same call n times and answers the last one: the loop inside the page against
 * which the way through the pool is measured.
 */
function repeats(parameters: JsonObject): number {
  const asked = parameters['repeat'];
  return typeof asked === 'number' && Number.isSafeInteger(asked) ? asked : 1;
}

class RunWorker {
  private engine: Engine | null = null;
  private flags: Int32Array | null = null;
  private settings: SessionSettings | null = null;
  private readonly calls: (RunCall | CheckCall)[] = [];
  private running = false;
  /** The call that runs. */
  private current: { id: number; abort: AbortController } | null = null;

  constructor(
    private readonly port: MessagePort,
    private readonly filesPort: MessagePort,
    private readonly runtime: Runtime,
  ) {
    port.onmessage = (event: MessageEvent<ToRunner>) => {
      const message = event.data;
      if (message.kind === 'load') void this.load(message);
      else if (message.kind === 'cancel') this.cancel(message.id);
      else {
        this.calls.push(message);
        if (!this.running) void this.work();
      }
    };
  }

  log(level: LogLevel, message: string): void {
    this.send({ kind: 'log', level, message });
  }

  /**
   * A promise of the browser that ONNX Runtime's WebAssembly waits for was rejected: it is not told,
   * and would wait for ever.
   */
  stuck(reason: unknown): void {
    this.send({ kind: 'dead', report: loadFailure(errorText(reason)) });
  }

  private send(message: FromRunner, transfer: Transferable[] = []): void {
    this.port.postMessage(message, transfer);
  }

  private async load(message: Extract<ToRunner, { kind: 'load' }>): Promise<void> {
    this.flags = message.flags;
    try {
      await this.tryLoad(message);
    } catch (thrown) {
      this.send({ kind: 'load-failed', report: toReport(thrown) });
    }
  }

  private async tryLoad({
    load,
    webgpu: gpu,
    at: begun = performance.timeOrigin + performance.now(),
  }: Extract<ToRunner, { kind: 'load' }>): Promise<void> {
    const gate = new ProgressGate((progress) => this.send({ kind: 'progress', ...progress }));
    const loadEngine = loaderOf(load.task); // Before anything is fetched.
    const now = (): number => performance.timeOrigin + performance.now() - begun;
    const download = new ModelDownload(
      this.filesPort,
      load.files.length,
      {
        progress: (loaded, total, file) =>
          this.send({ kind: 'progress', phase: 'fetch', loaded, total, file }),
        log: (level, message) => this.log(level, message),
      },
      begun,
    );
    const components = new Components({
      task: load.task,
      paths: load.files.map(({ path }) => path),
      arrivals: download,
      now,
      check: (graph) => checkBackend(load, graph, gpu),
      ready: () => within(kStartPatience, this.runtime.ready, notStarted),
    });
    const context: EngineContext = {
      load,
      files: download.present,
      components,
      log: (level, message) => this.log(level, message),
      onWarmup: (loaded, total) => gate.maybe({ phase: 'warmup', loaded, total, file: '' }),
    };
    const compiling = download.files.then(() =>
      gate.now({ phase: 'compile', loaded: 0, total: 1, file: '' }),
    );
    compiling.catch(() => undefined); // The load itself fails with it.
    const engine = takesComponents(load.task)
      ? await loadEngine(this.runtime, context)
      : await this.loadWhole(load, gpu, download, context, now);
    const compiled = components.timings.reduce((sum, one) => sum + one.ready_ms - one.begun_ms, 0);
    download.present.clear(); // ONNX Runtime has its own copy now.

    const warmup = performance.now();
    await engine.warmUp();
    const warmedUp = performance.now() - warmup;
    await download.kept; // The next start shall find them.
    const timings: LoadTimings = {
      fetch_ms: download.lastAt,
      compile_ms: compiled,
      warmup_ms: warmedUp,
      bytes_network: download.bytes.pool,
      bytes_cache: download.bytes.cache,
      bytes_peer: download.bytes.peer,
      components: components.timings,
    };
    this.engine = engine;
    this.settings = sessionSettings(load);
    this.send({
      kind: 'loaded',
      inputs: engine.inputs,
      outputs: engine.outputs,
      placement: engine.placement,
      bytes: load.files.reduce((sum, file) => sum + file.size, 0),
      timings,
      cancellable: engine.cancellable ?? false,
      memory: await this.memory(),
    });
  }

  /** An engine that needs all files at once. */
  private async loadWhole(
    load: LoadMessage,
    gpu: WebGpuInfo | null,
    download: ModelDownload,
    context: EngineContext,
    now: () => number,
  ): Promise<Engine> {
    const files = await download.files;
    checkBackend(load, files, gpu);
    await within(kStartPatience, this.runtime.ready, notStarted);
    const begun_ms = now();
    const engine = await loaderOf(load.task)(this.runtime, context);
    const graph = load.files.find(({ path }) => /\.(onnx|gguf)$/.test(path));
    const name = componentName(graph?.path ?? load.name);
    const complete_ms = download.lastAt;
    context.components.timings.push({ name, complete_ms, begun_ms, ready_ms: now() });
    return engine;
  }

  private async memory(): Promise<RunnerMemory> {
    const { wasm, gpu } = this.runtime.memory;
    const more = (await this.engine?.memory?.()) ?? null;
    return { wasm: more === null ? wasm : (wasm ?? 0) + more, gpu };
  }

  private async work(): Promise<void> {
    this.running = true;
    for (let call = this.calls.shift(); call; call = this.calls.shift()) {
      if (call.kind === 'check') {
        await this.check(call);
        continue;
      }
      const { id, slot } = call;
      if (!this.begin(slot)) this.send({ kind: 'skipped', id, slot });
      else await this.run(call);
    }
    this.running = false;
  }

  private async check({ id, backend }: CheckCall): Promise<void> {
    const settings = this.settings ?? { backend, deviceType: 'cpu', freeDimensions: null };
    try {
      await within(kStartPatience, this.runtime.ready, notStarted);
      const ms = await this.runtime.check(settings);
      this.send({ kind: 'checked', id, ok: true, ms, message: '' });
    } catch (thrown) {
      this.send({ kind: 'checked', id, ok: false, ms: 0, message: toReport(thrown).message });
    }
  }

  /** What was on the GPU does not come back: the model must be loaded again, in a new Worker. */
  gpuFailed(failure: PoolError): void {
    this.send({ kind: 'dead', report: toReport(failure) });
  }

  private begin(slot: number): boolean {
    if (!this.flags) return true;
    const before = Atomics.compareExchange(this.flags, slot, CallFlag.Waiting, CallFlag.Begun);
    return before === CallFlag.Waiting;
  }

  private cancel(id: number): void {
    if (this.current?.id === id) this.current.abort.abort();
  }

  private async run({ id, slot, inputs, parameters, receivedAt }: RunCall): Promise<void> {
    const begin = performance.now();
    const abort = new AbortController();
    this.current = { id, abort };
    let details: JsonObject = {};
    const control: RunControl = {
      partial: (data) => this.send({ kind: 'partial', id, data }),
      details: (data) => (details = data),
      signal: abort.signal,
    };
    try {
      if (!this.engine) throw new PoolError('not_found', 'no model is loaded in this Worker');
      let outputs = await this.engine.run(inputs, parameters, control);
      for (let left = repeats(parameters) - 1; left > 0; --left) {
        outputs = await this.engine.run(inputs, parameters, control);
      }
      const timings = {
        queue_ms: Math.max(0, performance.timeOrigin + begin - receivedAt),
        run_ms: performance.now() - begin,
      };
      const buffers = new Set(outputs.map((output) => output.data.buffer as ArrayBuffer));
      const memory = await this.memory();
      this.send({ kind: 'result', id, slot, outputs, details, timings, memory }, [...buffers]);
    } catch (thrown) {
      const report = toReport(thrown);
      // On a device ONNX Runtime does not recover from a run that failed: every later one hangs.
      const onDevice = this.settings?.backend !== 'wasm';
      const fatal = isFatal(report.message) || (onDevice && thrown instanceof RunFailure);
      this.send({ kind: 'run-failed', id, slot, report, fatal });
    } finally {
      this.current = null;
    }
  }
}

let worker: RunWorker | null = null;
let haveModule: (module: WebAssembly.Module | PromiseLike<WebAssembly.Module>) => void;
const module = new Promise<WebAssembly.Module>((resolve) => (haveModule = resolve));
const runtime = new Runtime(
  kBundle,
  module,
  (line) => worker?.log('warning', line),
  (failure) => worker?.gpuFailed(failure),
);

self.addEventListener('unhandledrejection', (event) => worker?.stuck(event.reason));

self.onmessage = (event: MessageEvent<PageToRunner>) => {
  const message = event.data;
  if (message.kind === 'start') {
    runtime.start(message.threads);
    worker = new RunWorker(message.port, message.files, runtime);
  } else {
    const own = (): Promise<WebAssembly.Module> =>
      WebAssembly.compileStreaming(fetch(new URL(kOrtWasm, import.meta.url)));
    haveModule(message.module ?? own());
  }
};

self.postMessage(kRuns);
