// What the page does for the pool, message by message: the models it holds and the answers it
// owes. Told of messages and of what run Workers say; sends through `Link`. No socket, no timer.

import type {
  Answer,
  PageMessage,
  PeersMessage,
  PoolMessage,
  SignalMessage,
} from '../../protocol/messages';
import { Outbox } from '../../protocol/outbox';
import type { Capabilities } from '../../protocol/values';
import { toReport } from '../error';
import type { Bundle } from '../thread-messages';
import { ModelSlot, type SlotEvents } from './model-slot';
import type { PageMemory } from './memory-stats';
import type { RunnerFactory } from './runner';

/** The way to the pool. */
export interface Link {
  /** Sends now, or drops the message where no connection is open. Throws a RangeError for a
   * message that is too large for a frame. */
  send(message: PageMessage): void;
}

export interface HostOptions {
  link: Link;
  runners: RunnerFactory;
  capabilities: Capabilities;
  memory: () => Promise<PageMemory>;
  status: (text: string) => void;
  /** What the pool and other pages say about getting files from each other. */
  onPeers: (message: PeersMessage | SignalMessage) => void;
  /** Makes shared memory; null where the page is not cross-origin isolated. */
  shared: ((length: number) => Int32Array) | null;
}

type Request = Exclude<
  PoolMessage,
  { type: 'welcome' | 'close' | 'ping' | 'cancel' | 'peers' | 'signal' }
>;

/** Half the cores, at most four: more made no model faster. The other half is the browser's. */
export function usualThreads(cores: number): number {
  return Math.max(1, Math.min(4, Math.floor(cores / 2)));
}

/** Of the known ones; null where none is known. */
function sumOf(sizes: readonly (number | null)[]): number | null {
  const known = sizes.filter((size) => size !== null);
  return known.length === 0 ? null : known.reduce((sum, size) => sum + size, 0);
}

export class WorkerHost {
  readonly outbox = new Outbox();
  private readonly slots = new Map<string, ModelSlot>();
  /** Requests (runs and loads) that are not answered, and the drains that wait for them. */
  private readonly open = new Set<number>();
  private drains: { id: number; waitsFor: Set<number> }[] = [];

  constructor(private readonly options: HostOptions) {}

  /** `receivedAt`: performance.timeOrigin + performance.now() of the frame. */
  onMessage(message: PoolMessage, receivedAt: number): void {
    this.outbox.received(message.received);
    switch (message.type) {
      case 'welcome':
      case 'close':
        return; // The connection's.
      case 'ping':
        this.options.link.send({ type: 'pong', id: message.id });
        return;
      case 'peers':
      case 'signal':
        this.options.onPeers(message);
        return;
      case 'cancel':
        for (const slot of this.slots.values()) if (slot.cancel(message.id)) return;
        return;
      default:
        if (this.outbox.begin(message.id)) this.tryRequest(message, receivedAt);
    }
  }

  /** After `welcome`: the answers that the pool does not have. */
  resume(open: readonly number[]): void {
    for (const message of this.outbox.resume(open)) {
      if (message.type === 'partial') this.options.link.send(message);
      else this.transmit(message);
    }
  }

  /** The session is over: nothing is answered any more. */
  end(): void {
    for (const slot of [...this.slots.values()]) slot.unload();
  }

  /** A fault of this page's own is an answer too: the pool must not wait for it. */
  private tryRequest(message: Request, receivedAt: number): void {
    try {
      this.onRequest(message, receivedAt);
    } catch (thrown) {
      this.answerError(message.id, 'internal', toReport(thrown).message);
    }
  }

  private onRequest(message: Request, receivedAt: number): void {
    const { id } = message;
    switch (message.type) {
      case 'load':
        this.open.add(id);
        this.onLoad(message);
        return;
      case 'run': {
        this.open.add(id);
        const slot = this.slots.get(message.model);
        if (slot) slot.run(message, receivedAt);
        else {
          const text = `no model "${message.model}" is loaded in this page`;
          this.answerError(id, 'not_found', text, 'load the model again');
        }
        return;
      }
      case 'unload':
        this.slots.get(message.model)?.unload();
        this.answer({ type: 'unloaded', id });
        return;
      case 'stats':
        void this.onStats(id);
        return;
      case 'check':
        this.onCheck(id, message.model);
        return;
      case 'echo':
        this.answer({ type: 'echo', id, outputs: message.inputs });
        return;
      case 'drain':
        this.drains.push({ id, waitsFor: new Set(this.open) });
        this.checkDrains();
        return;
    }
  }

  private onLoad(message: Extract<PoolMessage, { type: 'load' }>): void {
    const { id, model, backend, name } = message;
    const { capabilities, runners, shared } = this.options;
    if (this.slots.has(model)) {
      this.answerError(id, 'invalid_argument', `the handle "${model}" is in use`);
      return;
    }
    if (backend === 'webgpu' && !capabilities.webgpu) {
      this.answerError(
        id,
        'unsupported',
        'this browser has no WebGPU adapter',
        'use the wasm backend, or launch the browser with WebGPU enabled',
      );
      return;
    }
    if (backend === 'webnn' && !capabilities.webnn.some(({ ok }) => ok)) {
      this.answerError(
        id,
        'unsupported',
        'this browser has no WebNN context',
        'use the wasm or the webgpu backend',
      );
      return;
    }
    const bundle: Bundle = backend === 'wasm' ? 'wasm' : 'webgpu'; // The latter has WebNN too.
    const threads = message.threads || usualThreads(capabilities.cores);
    const events: SlotEvents = {
      answer: (answer) => this.answer(answer),
      partial: (of, data) => {
        const partial = this.outbox.partial(of, data);
        if (partial) this.options.link.send(partial);
      },
      progress: ({ phase, loaded, total, file }, of) =>
        this.options.link.send({ type: 'progress', id: of, phase, loaded, total, file }),
      log: ({ level, message: text }) =>
        this.options.link.send({ type: 'log', level, message: `${name}: ${text}` }),
      ended: () => {
        this.slots.delete(model);
        this.showStatus();
      },
    };
    this.slots.set(
      model,
      new ModelSlot(message, runners.spawn(bundle, threads), events, shared, capabilities.webgpu),
    );
    this.showStatus();
  }

  private onCheck(id: number, model: string): void {
    const slot = this.slots.get(model);
    if (slot) slot.check(id);
    else if (model !== '') {
      this.answerError(id, 'not_found', `no model "${model}" is loaded in this page`);
    } else this.checkPage(id);
  }

  /** In a Worker of its own, which shows that one can be started. */
  private checkPage(id: number): void {
    const threads = usualThreads(this.options.capabilities.cores);
    const runner = this.options.runners.spawn('wasm', threads);
    const end = (ok: boolean, ms: number, message: string): void => {
      runner.terminate();
      this.answer({ type: 'checked', id, ok, ms, message });
    };
    runner.onMessage = (reply) => {
      if (reply.kind === 'checked') end(reply.ok, reply.ms, reply.message);
      if (reply.kind === 'dead') end(false, 0, reply.report.message);
    };
    runner.onFailure = (text) => end(false, 0, `the run Worker failed: ${text}`);
    runner.post({ kind: 'check', id, backend: 'wasm' });
  }

  private async onStats(id: number): Promise<void> {
    const page = await this.options.memory();
    const models = [...this.slots.values()].map((slot) => slot.stats);
    const wasm = sumOf(models.map((model) => model.wasm_bytes));
    const gpu = sumOf(models.map((model) => model.gpu_bytes));
    this.answer({ type: 'stats', id, models, memory: { wasm, gpu, ...page } });
  }

  private answerError(
    id: number,
    category: Extract<Answer, { type: 'error' }>['category'],
    message: string,
    hint = '',
  ): void {
    this.answer({ type: 'error', id, category, message, hint, lost: [] });
  }

  private answer(answer: Answer): void {
    if (answer.id === 0) {
      this.options.link.send(answer);
      return;
    }
    if (!this.outbox.answer(answer)) return;
    this.transmit(answer);
    this.open.delete(answer.id);
    this.checkDrains();
  }

  private transmit(answer: Answer): void {
    try {
      this.options.link.send(answer);
    } catch (thrown) {
      if (!(thrown instanceof RangeError)) throw thrown;
      const { message } = toReport(thrown);
      this.options.link.send({
        type: 'error',
        id: answer.id,
        category: 'unsupported',
        message: `the answer does not fit into one frame: ${message}`,
        hint: 'use a smaller batch',
        lost: [],
      });
    }
  }

  private checkDrains(): void {
    const done = this.drains.filter(({ waitsFor }) => {
      for (const id of waitsFor) if (this.open.has(id)) return false;
      return true;
    });
    this.drains = this.drains.filter((drain) => !done.includes(drain));
    for (const { id } of done) this.answer({ type: 'drained', id });
  }

  private showStatus(): void {
    const models = [...this.slots.values()].map(
      ({ stats }) => `${stats.model} on ${stats.backend}`,
    );
    this.options.status(models.length ? `models: ${models.join(', ')}` : 'waiting for models');
  }
}
