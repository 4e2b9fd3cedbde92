// Run Workers and a socket without threads and network.

import type { LoadMessage, PageMessage, RunMessage } from '../../protocol/messages';
import type { Capabilities } from '../../protocol/values';
import type { Bundle, FromRunner, RunCall, ToRunner } from '../thread-messages';
import type { Runner, RunnerFactory } from './runner';

export class FakeRunner implements Runner {
  readonly got: ToRunner[] = [];
  terminated = false;
  onMessage: (message: FromRunner) => void = () => undefined;
  onFailure: (message: string) => void = () => undefined;

  constructor(
    readonly bundle: Bundle,
    readonly threads = 1,
  ) {}

  post(message: ToRunner): void {
    this.got.push(message);
  }

  terminate(): void {
    this.terminated = true;
  }

  get runs(): RunCall[] {
    return this.got.filter((message): message is RunCall => message.kind === 'run');
  }

  /** The calls that the Worker has, as ids. */
  get runIds(): number[] {
    return this.runs.map((call) => call.id);
  }

  get flags(): Int32Array {
    const load = this.got.find((message) => message.kind === 'load');
    if (load?.kind !== 'load' || !load.flags) throw new Error('no flags');
    return load.flags;
  }

  /** As the Worker does when it takes a call out of its inbox. */
  begin(id: number): void {
    const call = this.runs.find((run) => run.id === id);
    if (call) Atomics.compareExchange(this.flags, call.slot, 0, 2);
  }

  loaded(cancellable = false): void {
    this.onMessage({
      kind: 'loaded',
      cancellable,
      inputs: [],
      outputs: [],
      placement: null,
      bytes: 10,
      timings: {
        fetch_ms: 1,
        compile_ms: 1,
        warmup_ms: 1,
        bytes_network: 10,
        bytes_cache: 0,
        bytes_peer: 0,
        components: [],
      },
      memory: { wasm: 64, gpu: null },
    });
  }

  result(id: number): void {
    const slot = this.runs.find((run) => run.id === id)?.slot ?? 0;
    this.onMessage({
      kind: 'result',
      id,
      slot,
      outputs: [],
      details: {},
      timings: { queue_ms: 0, run_ms: 1 },
      memory: { wasm: 128, gpu: 32 },
    });
  }
}

export class FakeRunners implements RunnerFactory {
  readonly all: FakeRunner[] = [];

  spawn(bundle: Bundle, threads: number): FakeRunner {
    const runner = new FakeRunner(bundle, threads);
    this.all.push(runner);
    return runner;
  }
}

export class FakeLink {
  readonly sent: PageMessage[] = [];
  tooLarge = false;

  send(message: PageMessage): void {
    if (this.tooLarge && message.type === 'result') throw new RangeError('frame of 9 bytes');
    this.sent.push(message);
  }

  /** "loaded 1", "error 2 cancelled", … */
  get brief(): string[] {
    return this.sent.map((message) => {
      const id = 'id' in message ? ` ${message.id}` : '';
      const category = message.type === 'error' ? ` ${message.category}` : '';
      return message.type + id + category;
    });
  }
}

export const shared = (length: number): Int32Array =>
  new Int32Array(new SharedArrayBuffer(length * 4));

export function loadMessage(id: number, model = 'm', more: Partial<LoadMessage> = {}): LoadMessage {
  return {
    type: 'load',
    id,
    model,
    name: 'name',
    root: 'bafy',
    files: [],
    task: 'tensors',
    backend: 'wasm',
    dtype: 'fp32',
    threads: 1,
    options: {},
    ...more,
  };
}

export function runMessage(id: number, model = 'm'): RunMessage {
  return { type: 'run', id, model, inputs: [], parameters: {} };
}

export const capabilities: Capabilities = {
  browser: { user_agent: '', brand: '', version: '' },
  cross_origin_isolated: true,
  cores: 2,
  cores_trusted: true,
  memory_gib: null,
  wasm: { simd: true, threads: true, relaxed_simd: true },
  webgpu: null,
  webnn: [],
  opfs: true,
  workers: true,
};
