// One model of the page: its run Worker, the calls that wait and the two that the Worker has. The
// second of these lies in the Worker's inbox while the first one runs, so that the Worker never
// waits for a message. No socket and no timer in here.

import type { LoadMessage, RunMessage } from '../../protocol/messages';
import type { Answer } from '../../protocol/messages';
import type { ModelStats, WebGpuInfo } from '../../protocol/values';
import type { JsonObject } from '../../protocol/frame';
import type { Tensor } from '../../protocol/tensor';
import type { ErrorCategory, ErrorReport } from '../error';
import { CallFlag, type FromRunner, type RunnerMemory } from '../thread-messages';
import type { Runner } from './runner';

const kInFlight = 2;
const kCancelled = 'the call was cancelled';

export interface SlotEvents {
  /** An answer; or an `error` with id 0 where a Worker ended by itself. */
  answer(answer: Answer): void;
  partial(id: number, data: JsonObject): void;
  progress(message: Extract<FromRunner, { kind: 'progress' }>, id: number): void;
  log(message: Extract<FromRunner, { kind: 'log' }>): void;
  /** The slot's Worker is ended and the slot must be forgotten. */
  ended(): void;
}

interface Call {
  id: number;
  inputs: Tensor[];
  parameters: JsonObject;
  receivedAt: number;
}

export class ModelSlot {
  private loading = true;
  private cancellable = false;
  private over = false;
  private runs = 0;
  private bytes = 0;
  private memory: RunnerMemory = { wasm: null, gpu: null };
  /** Checks that were asked for and not answered; they are sent once the model is loaded. */
  private readonly checks: number[] = [];
  private readonly waiting: Call[] = [];
  /** By flag index; the Worker has these. */
  private readonly inFlight: (number | null)[];
  private readonly flags: Int32Array | null;

  /** `shared` is an Int32Array of shared memory, or null where the page is not isolated. */
  constructor(
    private readonly message: LoadMessage,
    private readonly runner: Runner,
    private readonly events: SlotEvents,
    shared: ((length: number) => Int32Array) | null,
    webgpu: WebGpuInfo | null,
  ) {
    // Without shared memory it can't be told whether a call in the inbox has begun: then only one.
    this.flags = shared ? shared(kInFlight) : null;
    this.inFlight = new Array<number | null>(shared ? kInFlight : 1).fill(null);
    runner.onMessage = (reply) => this.onMessage(reply);
    runner.onFailure = (text) =>
      this.fail('worker_lost', `the run Worker failed: ${text}`, 'load the model again');
    runner.post({ kind: 'load', load: message, flags: this.flags, webgpu });
  }

  get stats(): ModelStats {
    const open = this.waiting.length + this.inFlight.filter((id) => id !== null).length;
    const { model, backend } = this.message;
    const { wasm, gpu } = this.memory;
    return {
      model,
      backend,
      runs: this.runs,
      open,
      bytes: this.bytes,
      wasm_bytes: wasm,
      gpu_bytes: gpu,
    };
  }

  run(message: RunMessage, receivedAt: number): void {
    const { id, inputs, parameters } = message;
    this.waiting.push({ id, inputs, parameters, receivedAt });
    this.pump();
  }

  /** The Worker makes a tiny inference after the calls that it has. */
  check(id: number): void {
    this.checks.push(id);
    if (!this.loading) this.postCheck(id);
  }

  private postCheck(id: number): void {
    this.runner.post({ kind: 'check', id, backend: this.message.backend });
  }

  /** False where the slot has no such request. */
  cancel(id: number): boolean {
    if (this.loading && id === this.message.id) {
      this.end(id, 'the load was cancelled');
      return true;
    }
    if (this.withdraw(id)) return true;
    const slot = this.inFlight.indexOf(id);
    if (slot < 0) return false;
    if (this.isDropped(slot)) return true; // It was withdrawn before.
    if (this.cancellable) this.runner.post({ kind: 'cancel', id }); // It answers.
    else this.end(id, `${kCancelled} while it ran, which ended its Worker`);
    return true;
  }

  /** Drops a call that has not begun. False where the slot has no such call. */
  withdraw(id: number): boolean {
    const at = this.waiting.findIndex((call) => call.id === id);
    if (at >= 0) this.waiting.splice(at, 1);
    else if (!this.dropFromInbox(this.inFlight.indexOf(id))) return false;
    this.answerError(id, 'cancelled', kCancelled);
    return true;
  }

  /** Ends the Worker because the pool asked for it. */
  unload(): void {
    for (const id of this.openIds()) {
      this.answerError(id, 'cancelled', 'the model was unloaded', 'load it again');
    }
    this.finish();
  }

  private dropFromInbox(slot: number): boolean {
    if (!this.flags || slot < 0) return false;
    const before = Atomics.compareExchange(this.flags, slot, CallFlag.Waiting, CallFlag.Cancelled);
    return before === CallFlag.Waiting;
  }

  private isDropped(slot: number): boolean {
    return this.flags !== null && Atomics.load(this.flags, slot) === CallFlag.Cancelled;
  }

  private pump(): void {
    while (!this.loading && !this.over) {
      const slot = this.inFlight.indexOf(null);
      const call = slot < 0 ? undefined : this.waiting.shift();
      if (!call) return;
      this.inFlight[slot] = call.id;
      if (this.flags) Atomics.store(this.flags, slot, CallFlag.Waiting);
      const buffers = new Set(call.inputs.map((input) => input.data.buffer as ArrayBuffer));
      this.runner.post({ kind: 'run', slot, ...call }, [...buffers]);
    }
  }

  private onMessage(reply: FromRunner): void {
    if (this.over) return;
    switch (reply.kind) {
      case 'progress':
        this.events.progress(reply, this.message.id);
        return;
      case 'log':
        this.events.log(reply);
        return;
      case 'loaded':
        this.onLoaded(reply);
        return;
      case 'load-failed':
        this.failWith(reply.report);
        return;
      case 'dead':
        this.failWith(reply.report);
        return;
      case 'result':
        this.runs += 1;
        this.memory = reply.memory;
        this.inFlight[reply.slot] = null;
        this.events.answer({
          type: 'result',
          id: reply.id,
          outputs: reply.outputs,
          timings: reply.timings,
          ...(Object.keys(reply.details).length > 0 && { details: reply.details }),
        });
        break;
      case 'run-failed': {
        this.inFlight[reply.slot] = null;
        const { category, message, hint } = reply.report;
        // In the same message, so that no call is sent to a model that is not there any more.
        const lost = reply.fatal ? [this.message.model] : [];
        this.answerError(reply.id, category, message, hint, lost);
        if (!reply.fatal) break;
        for (const other of this.openIds()) {
          this.answerError(other, 'worker_lost', `a run before it failed: ${message}`, hint);
        }
        this.finish();
        return;
      }
      case 'partial':
        this.events.partial(reply.id, reply.data);
        return;
      case 'checked': {
        this.checks.splice(this.checks.indexOf(reply.id), 1);
        const { id, ok, ms, message } = reply;
        this.events.answer({ type: 'checked', id, ok, ms, message });
        break;
      }
      case 'skipped':
        this.inFlight[reply.slot] = null; // Answered when it was cancelled.
        break;
    }
    this.pump();
  }

  private onLoaded(reply: Extract<FromRunner, { kind: 'loaded' }>): void {
    const { inputs, outputs, placement, bytes, timings } = reply;
    const { id, model, backend } = this.message;
    this.loading = false;
    this.cancellable = reply.cancellable;
    this.bytes = bytes;
    this.memory = reply.memory;
    for (const check of this.checks) this.postCheck(check);
    this.events.answer({
      type: 'loaded',
      id,
      model,
      backend,
      inputs,
      outputs,
      placement,
      bytes,
      timings,
    });
    this.pump();
  }

  /** Cancelling `id` takes the Worker with it; what else waited is lost, not cancelled. */
  private end(id: number, why: string): void {
    const others = this.openIds().filter((open) => open !== id);
    this.answerError(id, 'cancelled', why, 'load the model again', [this.message.model]);
    for (const other of others) {
      const text = 'the Worker was ended to cancel another call';
      this.answerError(other, 'worker_lost', text, 'load the model again');
    }
    this.finish();
  }

  private fail(category: ErrorCategory, message: string, hint: string): void {
    if (!this.over) this.failWith({ category, message, hint });
  }

  /** The Worker ended by itself, or its model can't be used. */
  private failWith({ category, message, hint }: ErrorReport): void {
    const lost = [this.message.model];
    const open = this.openIds();
    if (open.length === 0) this.answerError(0, category, message, hint, lost);
    for (const id of open) {
      const first = this.loading && id === this.message.id;
      this.answerError(id, first ? category : 'worker_lost', message, hint, lost);
    }
    this.finish();
  }

  private openIds(): number[] {
    const ids = this.loading ? [this.message.id] : [];
    this.inFlight.forEach((id, slot) => {
      if (id !== null && !this.isDropped(slot)) ids.push(id);
    });
    return [...ids, ...this.waiting.map((call) => call.id), ...this.checks];
  }

  private answerError(
    id: number,
    category: ErrorCategory,
    message: string,
    hint = '',
    lost: string[] = [],
  ): void {
    this.events.answer({ type: 'error', id, category, message, hint, lost });
  }

  private finish(): void {
    this.over = true;
    this.runner.terminate();
    this.events.ended();
  }
}
