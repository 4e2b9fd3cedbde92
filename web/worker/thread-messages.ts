// What the kinds of thread in a page say to each other. The socket Worker and a run Worker talk by a
// MessagePort of their own, and so do a run Worker and its file Worker; the page only starts and
// ends Workers.

import type {
  BackendName,
  LoadTimings,
  Placement,
  RunTimings,
  TensorSpec,
  WebGpuInfo,
} from '../protocol/values';
import type {
  LoadMessage,
  LoadPhase,
  LogLevel,
  PeersMessage,
  SignalMessage,
} from '../protocol/messages';
import type { Tensor } from '../protocol/tensor';
import type { JsonObject } from '../protocol/frame';
import type { ErrorReport } from './error';

/** Each is a script of its own, with its own build of ONNX Runtime; "webgpu" has WebNN too. */
export type Bundle = 'wasm' | 'webgpu';

/** Page -> socket Worker. */
export type PageToSocket =
  | { kind: 'start'; token: string; warm: Bundle | null; threads: number; measureWebNn: boolean }
  | { kind: 'worker-failed'; key: number; message: string }
  | { kind: 'signal'; message: SignalMessage };

/** Socket Worker -> page. */
export type SocketToPage =
  | { kind: 'spawn'; key: number; bundle: Bundle; threads: number; port: MessagePort }
  /** The files of the model that the Worker will load: fetched before its script has even run. */
  | { kind: 'fetch'; key: number; files: WantedFile[]; keep: boolean; shares: boolean }
  | { kind: 'peers'; message: PeersMessage | SignalMessage }
  | { kind: 'terminate'; key: number }
  | { kind: 'status'; text: string; ended: boolean };

/** Page -> run Worker. */
export type PageToRunner =
  | { kind: 'start'; port: MessagePort; files: MessagePort; threads: number }
  /** ONNX Runtime's WebAssembly, compiled once for all Workers; null where that failed. */
  | { kind: 'module'; module: WebAssembly.Module | null };

/** Where bytes of a model came from: this browser's storage, the pool, other browsers. */
export interface BytesBySource {
  cache: number;
  pool: number;
  peer: number;
}

export interface WantedFile {
  path: string;
  cid: string;
  size: number;
}

/** The other pages that fetch the file or have it. */
export interface FilePeersMessage {
  kind: 'peers';
  cid: string;
  self: string;
  peers: string[];
}

/** Page -> file Worker: the way to its run Worker, then all files of the model, once. */
export type PageToFiles =
  | { kind: 'start'; port: MessagePort }
  /**
   * `keep`: this browser has a storage that works. `shares`: other pages may give the files and get
   * them. `firstId`: of the numbers that this Worker gives to what it wants of other pages. `peers`:
   * what is known of them already.
   */
  | {
      kind: 'fetch';
      files: WantedFile[];
      keep: boolean;
      shares: boolean;
      firstId: number;
      peers: FilePeersMessage[];
    }
  | FilePeersMessage
  | { kind: 'peer-opened'; peer: string }
  | { kind: 'peer-closed'; peer: string }
  | { kind: 'peer-message'; peer: string; data: string | ArrayBuffer };

/** File Worker -> page: what it has to do with other pages (peers/sharing.ts). */
export type FilesToPage =
  | { kind: 'fetching'; cid: string }
  | { kind: 'fetched'; cid: string }
  /** The storage has the whole file. */
  | { kind: 'kept-file'; cid: string }
  /** `peer` null: to all. */
  | { kind: 'peer-send'; peer: string | null; data: (string | ArrayBuffer)[] }
  | { kind: 'peer-drop'; peer: string }
  | { kind: 'done' };

/** File Worker -> run Worker. After `kept` or `failed` nothing follows. */
export type FromFiles =
  | { kind: 'progress'; path: string; loaded: number; total: number }
  /** Verified; the buffer is transferred. */
  | {
      kind: 'file';
      path: string;
      bytes: Uint8Array<ArrayBuffer>;
      sources: BytesBySource;
      /** performance.timeOrigin + performance.now() when its last byte was verified. */
      completeAt: number;
    }
  /** All files were sent, and the storage has them as far as it could take them. */
  | { kind: 'kept' }
  | { kind: 'failed'; report: ErrorReport }
  | { kind: 'log'; level: LogLevel; message: string };

/**
 * Run Worker -> file Worker: the last message came, and the port may go. Firefox loses what was sent
 * to a port that has not got to its thread yet when the other end's thread ends.
 */
export const kHeard = { kind: 'heard' } as const;

/** Flags shared by the socket Worker and one run Worker, an Int32 for each call in flight. */
export const enum CallFlag {
  Waiting = 0,
  Cancelled = 1,
  Begun = 2,
}

export interface RunCall {
  kind: 'run';
  id: number;
  /** Index of the call's flag. */
  slot: number;
  inputs: Tensor[];
  parameters: JsonObject;
  /** performance.timeOrigin + performance.now() when the frame came. */
  receivedAt: number;
}

/** A tiny inference on the backend of the model, or on this one where none is loaded. */
export interface CheckCall {
  kind: 'check';
  id: number;
  backend: BackendName;
}

/** The call that runs is to end, in a Worker that said that its calls can. */
export interface CancelCall {
  kind: 'cancel';
  id: number;
}

/** What a run Worker holds, in bytes; null where it is not known. */
export interface RunnerMemory {
  wasm: number | null;
  gpu: number | null;
}

/** Socket Worker -> run Worker. */
export type ToRunner =
  | {
      kind: 'load';
      load: LoadMessage;
      flags: Int32Array | null;
      webgpu: WebGpuInfo | null;
      /** performance.timeOrigin + performance.now() when it was sent: its times count from there. */
      at?: number;
    }
  | RunCall
  | CheckCall
  | CancelCall;

/** Run Worker -> socket Worker. */
export type FromRunner =
  | { kind: 'progress'; phase: LoadPhase; loaded: number; total: number; file: string }
  | {
      kind: 'loaded';
      /** A call that runs can be cancelled without ending the Worker. */
      cancellable: boolean;
      inputs: TensorSpec[];
      outputs: TensorSpec[];
      placement: Placement | null;
      bytes: number;
      timings: LoadTimings;
      memory: RunnerMemory;
    }
  | { kind: 'load-failed'; report: ErrorReport }
  | {
      kind: 'result';
      id: number;
      slot: number;
      outputs: Tensor[];
      details: JsonObject;
      timings: RunTimings;
      memory: RunnerMemory;
    }
  | { kind: 'partial'; id: number; data: JsonObject }
  | { kind: 'checked'; id: number; ok: boolean; ms: number; message: string }
  /** `fatal`: the Worker can run nothing any more, and is to be ended. */
  | { kind: 'run-failed'; id: number; slot: number; report: ErrorReport; fatal: boolean }
  | { kind: 'skipped'; id: number; slot: number }
  /** The Worker can't go on (its GPU device is gone). */
  | { kind: 'dead'; report: ErrorReport }
  | { kind: 'log'; level: LogLevel; message: string };
