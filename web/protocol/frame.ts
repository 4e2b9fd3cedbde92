// One binary WebSocket message: prefix, JSON header, tensors (docs/protocol.md, "Frame").
import { LIMITS, type Limits, MAX_TEXT_BYTES } from './limits';
import { type Tensor, elementCount, elementSize, isDatatype, tensorFault, viewOf } from './tensor';

export type JsonValue = null | boolean | number | string | JsonValue[] | JsonObject;
export interface JsonObject {
  [key: string]: JsonValue;
}

/** The reason codes of docs/protocol.md; the message of a ProtocolError begins with one. */
export type FaultCode =
  | 'short_frame'
  | 'bad_magic'
  | 'header_too_large'
  | 'header_alignment'
  | 'frame_too_large'
  | 'length_mismatch'
  | 'invalid_utf8'
  | 'invalid_json'
  | 'json_too_deep'
  | 'not_an_object'
  | 'too_many_tensors'
  | 'bad_tensor'
  | 'data_mismatch'
  | 'nonzero_padding'
  | 'bad_message';

export class ProtocolError extends Error {
  constructor(
    readonly code: FaultCode,
    detail: string,
  ) {
    super(`${code}: ${detail}`);
    this.name = 'ProtocolError';
  }
}

export interface Frame {
  header: JsonObject;
  /** The entries of the header's `inputs` that carry data, as views of the frame. */
  inputs: Tensor[];
  outputs: Tensor[];
}

const MAGIC = 0x31465057; // "WPF1" read as u32 little-endian
const PREFIX = 16;
const SPACE = 0x20;

/** Bytes of UTF-8. */
export function utf8Length(text: string): number {
  return new TextEncoder().encode(text).length;
}

function align(size: number): number {
  return Math.ceil(size / 8) * 8;
}

/**
 * Memory that one sender encodes into again and again: much faster than a new buffer a frame,
 * because a browser copies what it sends anyway. Frames above `maxKept` bytes get memory of their
 * own, so that one large answer does not stay for good.
 */
export class FrameBuffer {
  private kept: Uint8Array<ArrayBuffer>;

  constructor(
    initial = 64 * 1024,
    private readonly maxKept = 64 * 1024 * 1024,
  ) {
    this.kept = new Uint8Array(initial);
  }

  /** At least `size` bytes; the first `used` bytes of `current` are carried over when it moves. */
  reserve(size: number, current?: Uint8Array<ArrayBuffer>, used = 0): Uint8Array<ArrayBuffer> {
    const base = current ?? this.kept;
    if (size <= base.length) return base;
    const grown = new Uint8Array(align(size > this.maxKept ? size : Math.max(size, base.length * 2)));
    if (used > 0) grown.set(base.subarray(0, used));
    if (grown.length <= this.maxKept) this.kept = grown;
    return grown;
  }
}

function listing(tensors: readonly Tensor[], limits: Limits): JsonObject[] {
  return tensors.map((tensor) => {
    const tooDeep = tensor.shape.length > limits.maxRank;
    const fault = tooDeep ? `more than ${limits.maxRank} dimensions` : tensorFault(tensor);
    if (fault !== undefined) throw new RangeError(`tensor '${tensor.name}': ${fault}`);
    return {
      name: tensor.name,
      datatype: tensor.datatype,
      shape: tensor.shape,
      parameters: { binary_data_size: tensor.data.byteLength },
    };
  });
}

/** JSON that every reader takes: a lone surrogate, which UTF-8 can't hold, becomes U+FFFD. */
function jsonText(value: JsonObject): string {
  const text = JSON.stringify(value);
  if (!text.includes('\\ud')) return text;
  return text.replace(/(?<!\\)((?:\\\\)*)\\ud[89a-f][0-9a-f]{2}/g, '$1\\ufffd');
}

/**
 * The frame's bytes, in `buffer` where one is given: then they are valid until its next use, and
 * no memory is allocated for them. Lists of tensors are added to the header under `inputs` and
 * `outputs`. Throws a RangeError for a tensor that contradicts itself or a frame over the limits.
 */
export function encodeFrame(
  header: JsonObject,
  tensors: { inputs?: readonly Tensor[]; outputs?: readonly Tensor[] } = {},
  buffer: FrameBuffer = new FrameBuffer(0),
  limits: Limits = LIMITS,
): Uint8Array<ArrayBuffer> {
  const all = [...(tensors.inputs ?? []), ...(tensors.outputs ?? [])];
  if (all.length > limits.maxTensors) throw new RangeError(`more than ${limits.maxTensors} tensors`);
  const listed = { ...header };
  if (tensors.inputs) listed['inputs'] = listing(tensors.inputs, limits);
  if (tensors.outputs) listed['outputs'] = listing(tensors.outputs, limits);
  const text = jsonText(listed);

  let dataSize = 0;
  for (const tensor of all) dataSize = align(dataSize) + tensor.data.byteLength;

  // A UTF-16 unit takes at most three bytes of UTF-8.
  let out = buffer.reserve(PREFIX + align(text.length) + dataSize);
  let written = new TextEncoder().encodeInto(text, out.subarray(PREFIX));
  if (written.read < text.length) {
    out = buffer.reserve(PREFIX + align(text.length * 3) + dataSize, out);
    written = new TextEncoder().encodeInto(text, out.subarray(PREFIX));
  }
  const headerSize = align(written.written);
  const frameSize = PREFIX + headerSize + dataSize;
  if (headerSize > limits.maxHeader) throw new RangeError(`header of ${headerSize} bytes`);
  if (frameSize > limits.maxFrame) throw new RangeError(`frame of ${frameSize} bytes`);
  out = buffer.reserve(frameSize, out, PREFIX + written.written);
  out.fill(SPACE, PREFIX + written.written, PREFIX + headerSize);

  const prefix = new DataView(out.buffer, out.byteOffset, PREFIX);
  prefix.setUint32(0, MAGIC, true);
  prefix.setUint32(4, headerSize, true);
  prefix.setBigUint64(8, BigInt(dataSize), true);

  let at = PREFIX + headerSize;
  for (const { data } of all) {
    const start = align(at);
    out.fill(0, at, start);
    out.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), start);
    at = start + data.byteLength;
  }
  return out.subarray(0, frameSize);
}

/**
 * Reads a frame; its tensors are views of the same memory, which must then stay unchanged. Throws
 * a ProtocolError for every breach of docs/protocol.md.
 */
export function decodeFrame(source: ArrayBuffer | Uint8Array, limits: Limits = LIMITS): Frame {
  let bytes = source instanceof Uint8Array ? source : new Uint8Array(source);
  if (bytes.byteOffset % 8 !== 0) bytes = bytes.slice();
  if (bytes.length < PREFIX) throw new ProtocolError('short_frame', `${bytes.length} bytes`);
  const prefix = new DataView(bytes.buffer, bytes.byteOffset, PREFIX);
  if (prefix.getUint32(0, true) !== MAGIC) {
    throw new ProtocolError('bad_magic', 'the frame does not begin with WPF1');
  }
  const headerSize = prefix.getUint32(4, true);
  const dataSize = prefix.getBigUint64(8, true);
  if (headerSize > limits.maxHeader) {
    throw new ProtocolError('header_too_large', `${headerSize} bytes, at most ${limits.maxHeader}`);
  }
  if (headerSize % 8 !== 0) {
    throw new ProtocolError('header_alignment', `${headerSize} is no multiple of 8`);
  }
  const announced = BigInt(PREFIX + headerSize) + dataSize;
  if (announced > BigInt(limits.maxFrame)) {
    throw new ProtocolError('frame_too_large', `${announced} bytes, at most ${limits.maxFrame}`);
  }
  if (announced !== BigInt(bytes.length)) {
    throw new ProtocolError('length_mismatch', `${announced} bytes announced, ${bytes.length} came`);
  }
  const header = parseHeader(bytes.subarray(PREFIX, PREFIX + headerSize), limits);
  return readTensors(header, bytes, PREFIX + headerSize, limits);
}

function parseHeader(bytes: Uint8Array, limits: Limits): JsonObject {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new ProtocolError('invalid_utf8', 'the header is not UTF-8');
  }
  checkDepth(text, limits.maxDepth);
  let header: JsonValue;
  try {
    header = JSON.parse(text) as JsonValue;
  } catch (error) {
    throw new ProtocolError('invalid_json', error instanceof Error ? error.message : String(error));
  }
  if (text.includes('\\u') && hasLoneSurrogate(header)) {
    throw new ProtocolError('invalid_json', 'half a surrogate pair');
  }
  if (header === null || typeof header !== 'object' || Array.isArray(header)) {
    throw new ProtocolError('not_an_object', 'the header is no JSON object');
  }
  return header;
}

function checkDepth(text: string, maxDepth: number): void {
  let depth = 0;
  let quoted = false;
  for (let i = 0; i < text.length; i += 1) {
    const c = text.charCodeAt(i);
    if (quoted) {
      if (c === 0x5c) i += 1;
      else if (c === 0x22) quoted = false;
    } else if (c === 0x22) {
      quoted = true;
    } else if (c === 0x7b || c === 0x5b) {
      depth += 1;
      if (depth > maxDepth) throw new ProtocolError('json_too_deep', `more than ${maxDepth} levels`);
    } else if (c === 0x7d || c === 0x5d) {
      depth -= 1;
    }
  }
}

function hasLoneSurrogate(value: JsonValue): boolean {
  if (typeof value === 'string') return /\p{Surrogate}/u.test(value);
  if (value === null || typeof value !== 'object') return false;
  if (Array.isArray(value)) return value.some(hasLoneSurrogate);
  return Object.entries(value).some(([key, item]) => hasLoneSurrogate(key) || hasLoneSurrogate(item));
}

interface Cursor {
  bytes: Uint8Array;
  start: number;
  /** Offset in the data after the last tensor read. */
  end: number;
  count: number;
}

function readTensors(header: JsonObject, bytes: Uint8Array, start: number, limits: Limits): Frame {
  const cursor: Cursor = { bytes, start, end: 0, count: 0 };
  const inputs = readList(header['inputs'], 'inputs', cursor, limits);
  const outputs = readList(header['outputs'], 'outputs', cursor, limits);
  if (cursor.end !== bytes.length - start) {
    throw new ProtocolError(
      'data_mismatch',
      `the tensors end at ${cursor.end}, the data has ${bytes.length - start} bytes`,
    );
  }
  return { header, inputs, outputs };
}

function readList(
  list: JsonValue | undefined,
  key: string,
  cursor: Cursor,
  limits: Limits,
): Tensor[] {
  const tensors: Tensor[] = [];
  if (list === undefined) return tensors;
  if (!Array.isArray(list)) throw new ProtocolError('bad_tensor', `'${key}' is no list`);
  for (const entry of list) {
    if (entry === null || typeof entry !== 'object' || Array.isArray(entry)) {
      throw new ProtocolError('bad_tensor', `an entry of '${key}' is no object`);
    }
    const parameters = entry['parameters'];
    if (parameters === undefined) continue;
    if (parameters === null || typeof parameters !== 'object' || Array.isArray(parameters)) {
      throw new ProtocolError('bad_tensor', `'parameters' in '${key}' is no object`);
    }
    const size = parameters['binary_data_size'];
    if (size === undefined) continue;
    cursor.count += 1;
    if (cursor.count > limits.maxTensors) {
      throw new ProtocolError('too_many_tensors', `more than ${limits.maxTensors}`);
    }
    tensors.push(readTensor(entry, size, cursor, limits));
  }
  return tensors;
}

function readTensor(entry: JsonObject, size: JsonValue, cursor: Cursor, limits: Limits): Tensor {
  const { name, datatype, shape } = entry;
  if (typeof name !== 'string') throw new ProtocolError('bad_tensor', 'a tensor has no name');
  if (name.length * 3 > MAX_TEXT_BYTES && utf8Length(name) > MAX_TEXT_BYTES) {
    throw new ProtocolError('bad_tensor', `a name longer than ${MAX_TEXT_BYTES} bytes`);
  }
  const bad = (what: string): ProtocolError => new ProtocolError('bad_tensor', `tensor '${name}': ${what}`);
  if (!isDatatype(datatype)) throw bad('unknown datatype');
  const dimensions = readShape(shape, limits, bad);
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) {
    throw bad('binary_data_size is no size');
  }
  const offset = align(cursor.end);
  const begin = cursor.start + offset;
  if (size > cursor.bytes.length - begin) {
    throw new ProtocolError('data_mismatch', `tensor '${name}' ends after the data`);
  }
  for (let i = cursor.start + cursor.end; i < begin; i += 1) {
    if (cursor.bytes[i] !== 0) {
      throw new ProtocolError('nonzero_padding', `before tensor '${name}'`);
    }
  }
  const count = elementCount(dimensions);
  const width = elementSize(datatype);
  if (count === undefined || (width > 0 && count * width !== size)) {
    throw bad(`${datatype} [${dimensions.join(', ')}] does not take ${size} bytes`);
  }
  const data = viewOf(datatype, cursor.bytes.buffer, cursor.bytes.byteOffset + begin, size);
  const tensor = { name, datatype, shape: dimensions, data };
  const fault = tensorFault(tensor);
  if (fault !== undefined) throw bad(fault);
  cursor.end = offset + size;
  return tensor;
}

function readShape(
  shape: JsonValue | undefined,
  limits: Limits,
  bad: (what: string) => ProtocolError,
): number[] {
  if (!Array.isArray(shape)) throw bad('shape is no list');
  if (shape.length > limits.maxRank) throw bad(`more than ${limits.maxRank} dimensions`);
  return shape.map((dimension) => {
    if (typeof dimension !== 'number' || !Number.isSafeInteger(dimension) || dimension < 0) {
      throw bad('a dimension is no size');
    }
    return dimension;
  });
}
