// Every message of docs/protocol.md as a type, and the two ways through the socket: what the page
// sends is encoded, what the pool sends is checked and decoded.
import {
  type Frame,
  type FrameBuffer,
  type JsonObject,
  ProtocolError,
  decodeFrame,
  encodeFrame,
} from './frame';
import { LIMITS, type Limits, MAX_LIST, MAX_MESSAGE_BYTES, PROTOCOL_VERSION } from './limits';
import { Reader } from './reader';
import type { Tensor } from './tensor';
import {
  BACKENDS,
  type BackendName,
  type Capabilities,
  type ErrorCategory,
  type FileEntry,
  type LoadTimings,
  type MemoryStats,
  type ModelStats,
  type Placement,
  type RunTimings,
  type TensorSpec,
} from './values';

export type LoadPhase = 'fetch' | 'compile' | 'warmup';
export type LogLevel = 'debug' | 'info' | 'warning' | 'error';

export const SIGNAL_KINDS = ['offer', 'answer', 'candidate', 'gone'] as const;

/** What two pages tell each other through the pool while they connect; `peer` is the other one. */
export interface SignalMessage {
  type: 'signal';
  peer: string;
  kind: (typeof SIGNAL_KINDS)[number];
  text: string;
}

/** Page to pool. */
export type PageMessage =
  | {
      type: 'hello';
      token: string;
      /** The session to go on with, or "". */
      resume: string;
      /** Requests that the page works on, and those whose answers it keeps (Outbox.known()). */
      known: number[];
      page_version: string;
      capabilities: Capabilities;
    }
  | { type: 'progress'; id: number; phase: LoadPhase; loaded: number; total: number; file: string }
  | {
      type: 'loaded';
      id: number;
      model: string;
      backend: BackendName;
      inputs: TensorSpec[];
      outputs: TensorSpec[];
      placement: Placement | null;
      bytes: number;
      timings: LoadTimings;
    }
  /** Part of a run's answer, before the rest; `index` counts them from 0. */
  | { type: 'partial'; id: number; index: number; data: JsonObject }
  | { type: 'result'; id: number; outputs: Tensor[]; timings: RunTimings; details?: JsonObject }
  | { type: 'unloaded'; id: number }
  | { type: 'stats'; id: number; models: ModelStats[]; memory: MemoryStats }
  /** A tiny inference in a run Worker; `message` says why it is not ok. */
  | { type: 'checked'; id: number; ok: boolean; ms: number; message: string }
  | { type: 'echo'; id: number; outputs: Tensor[] }
  | { type: 'pong'; id: number }
  | { type: 'drained'; id: number }
  | {
      type: 'error';
      /** 0: of the page as a whole. */
      id: number;
      category: ErrorCategory;
      message: string;
      hint: string;
      /** Handles of models that the page no longer holds. */
      lost: string[];
    }
  | { type: 'log'; level: LogLevel; message: string }
  | SignalMessage;

/** What answers a request: the messages that an Outbox keeps until the pool has them. */
export type Answer = Extract<
  PageMessage,
  { type: 'loaded' | 'result' | 'unloaded' | 'stats' | 'checked' | 'echo' | 'drained' | 'error' }
>;

export type Partial = Extract<PageMessage, { type: 'partial' }>;

export interface LoadMessage {
  type: 'load';
  id: number;
  /** The handle by which the pool names the model from now on. */
  model: string;
  name: string;
  root: string;
  files: FileEntry[];
  task: string;
  backend: BackendName;
  dtype: string;
  /** 0: the page chooses. */
  threads: number;
  options: JsonObject;
}

export interface RunMessage {
  type: 'run';
  id: number;
  model: string;
  /** Views of the received frame. */
  inputs: Tensor[];
  parameters: JsonObject;
}

/** Other pages that the page may connect to for files that it is fetching. */
export interface PeersMessage {
  type: 'peers';
  /** How the pool calls this page to the others. */
  self: string;
  files: { cid: string; peers: string[] }[];
}

export interface WelcomeMessage {
  type: 'welcome';
  session: string;
  heartbeat_ms: number;
  grace_ms: number;
  max_frame_size: number;
  /** The requests that the pool still waits for. */
  open: number[];
}

/** Pool to page. `received` lists answers that the page need not keep any longer. */
export type PoolMessage = { received: number[] } & (
  | WelcomeMessage
  | LoadMessage
  | RunMessage
  | { type: 'cancel'; id: number }
  | { type: 'unload'; id: number; model: string }
  | { type: 'stats'; id: number }
  /** `model` "": in a run Worker of its own, on WebAssembly. */
  | { type: 'check'; id: number; model: string }
  | { type: 'echo'; id: number; inputs: Tensor[] }
  | { type: 'ping'; id: number }
  | { type: 'drain'; id: number }
  | { type: 'close'; reason: string }
  | PeersMessage
  | SignalMessage
);

/** A message's frame, in `buffer` where one is given (see encodeFrame). */
export function encodeMessage(
  message: PageMessage,
  buffer?: FrameBuffer,
  limits: Limits = LIMITS,
): Uint8Array<ArrayBuffer> {
  if (message.type === 'result' || message.type === 'echo') {
    const { outputs, ...header } = message;
    return encodeFrame(header as unknown as JsonObject, { outputs }, buffer, limits);
  }
  let header: object = message;
  if (message.type === 'hello') header = { protocol: PROTOCOL_VERSION, ...message };
  if (message.type === 'error') {
    header = { ...message, message: cut(message.message), hint: cut(message.hint) };
  }
  if (message.type === 'log' || message.type === 'checked') header = { ...message, message: cut(message.message) };
  return encodeFrame(header as JsonObject, {}, buffer, limits);
}

/** At most MAX_MESSAGE_BYTES of UTF-8, whole characters only. */
function cut(text: string): string {
  if (text.length * 3 <= MAX_MESSAGE_BYTES) return text;
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(MAX_MESSAGE_BYTES));
  return text.slice(0, read);
}

/**
 * The pool's message in a frame; undefined for a type that this page does not know (a newer pool).
 * Throws a ProtocolError for a frame or message that breaks docs/protocol.md.
 */
export function decodeMessage(
  source: ArrayBuffer | Uint8Array,
  limits: Limits = LIMITS,
): PoolMessage | undefined {
  return readMessage(decodeFrame(source, limits));
}

function readMessage(frame: Frame): PoolMessage | undefined {
  const reader = new Reader(frame.header);
  const type = reader.text('type');
  reader.path = type;
  const body = readBody(type, reader, frame);
  if (body === undefined) return undefined;
  const takesInputs = type === 'run' || type === 'echo';
  if (frame.outputs.length > 0 || (!takesInputs && frame.inputs.length > 0)) {
    throw new ProtocolError('bad_message', `${type}: tensors where none belong`);
  }
  const received = 'received' in frame.header ? reader.ids('received') : [];
  return { ...body, received } as PoolMessage;
}

function readBody(type: string, reader: Reader, frame: Frame): object | undefined {
  switch (type) {
    case 'welcome':
      reader.integer('protocol', PROTOCOL_VERSION, PROTOCOL_VERSION);
      return {
        type,
        session: reader.text('session'),
        heartbeat_ms: reader.integer('heartbeat_ms', 1),
        grace_ms: reader.integer('grace_ms'),
        max_frame_size: reader.integer('max_frame_size', 16),
        open: reader.ids('open'),
      };
    case 'load':
      return {
        type,
        id: reader.id(),
        model: reader.name('model'),
        name: reader.text('name'),
        root: reader.text('root'),
        files: reader.list('files', MAX_LIST, (file) => ({
          path: file.name('path'),
          cid: file.name('cid'),
          size: file.integer('size'),
        })),
        task: reader.text('task'),
        backend: reader.choice('backend', BACKENDS),
        dtype: reader.text('dtype'),
        threads: reader.integer('threads', 0, 1024),
        options: reader.object('options'),
      };
    case 'run':
      return {
        type,
        id: reader.id(),
        model: reader.name('model'),
        inputs: allTensors(reader, frame),
        parameters: reader.object('parameters'),
      };
    case 'echo':
      return { type, id: reader.id(), inputs: allTensors(reader, frame) };
    case 'unload':
      return { type, id: reader.id(), model: reader.name('model') };
    case 'check':
      return { type, id: reader.id(), model: reader.text('model') };
    case 'cancel':
    case 'stats':
    case 'ping':
    case 'drain':
      return { type, id: reader.id() };
    case 'close':
      return { type, reason: reader.message('reason') };
    case 'peers':
      return {
        type,
        self: reader.name('self'),
        files: reader.list('files', MAX_LIST, (file) => ({
          cid: file.name('cid'),
          peers: file.names('peers'),
        })),
      };
    case 'signal':
      return {
        type,
        peer: reader.name('peer'),
        kind: reader.choice('kind', SIGNAL_KINDS),
        text: reader.text('text'),
      };
    default:
      return undefined;
  }
}

/** The frame's inputs, each of which must have come with its data. */
function allTensors(reader: Reader, frame: Frame): Tensor[] {
  const listed = reader.array('inputs').length;
  if (listed !== frame.inputs.length) {
    throw new ProtocolError('bad_message', 'a tensor of \'inputs\' came without binary_data_size');
  }
  return frame.inputs;
}
