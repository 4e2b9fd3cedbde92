// One model in one run Worker, whatever runs it: ONNX Runtime with raw tensors, transformers.js for
// a task, llama.cpp for chat. An engine runs one call at a time; the run Worker sees to that.

import type { Tensor } from '../../protocol/tensor';
import type { Placement, TensorSpec } from '../../protocol/values';
import type { JsonObject } from '../../protocol/frame';
import type { LoadMessage } from '../../protocol/messages';
import type { Components } from './components';

/** A verified file of the model, by its path in the model's folder. */
export type ModelFiles = Map<string, Uint8Array<ArrayBuffer>>;

export interface EngineContext {
  load: LoadMessage;
  /** All of them; only what is there so far for an engine that takes its graphs as they come. */
  files: ModelFiles;
  components: Components;
  log: (level: 'info' | 'warning', message: string) => void;
  onWarmup: (done: number, total: number) => void;
}

/** What an engine can tell while a call runs, and be told. */
export interface RunControl {
  /** A part of the answer, ready before the rest; `data` is what the task says it is. */
  partial(data: JsonObject): void;
  /** What there is to say beside the outputs, for `details` of the result. */
  details(data: JsonObject): void;
  /** Aborted: the call is to end soon, by throwing. Only for an engine that is `cancellable`. */
  signal: AbortSignal;
}

export interface Engine {
  readonly inputs: TensorSpec[];
  readonly outputs: TensorSpec[];
  /** null where it could not be read. */
  readonly placement: Placement | null;
  /** Runs before the first figures, so that they are not those of cold code. */
  warmUp(): Promise<void>;
  /**
   * Runs once. The outputs own their memory and may be transferred. Throws PoolError
   * `invalid_input` for tensors that don't fit, and others as they come.
   */
  run(inputs: Tensor[], parameters: JsonObject, control: RunControl): Promise<Tensor[]>;
  /**
   * True: a call that runs ends by itself when it is cancelled, and the model stays. The Worker of
   * any other is ended.
   */
  readonly cancellable?: boolean;
  /** Bytes of WebAssembly memory outside this Worker; null where they are not known. */
  memory?(): Promise<number | null>;
  dispose(): Promise<void>;
}
