// The frames that C++ and TypeScript must read alike (tests/vectors/wire/generate.py).
import { readFileSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

import {
  type Frame,
  type JsonObject,
  type JsonValue,
  ProtocolError,
  decodeFrame,
  encodeFrame,
} from './frame';
import { type PageMessage, type PoolMessage, decodeMessage, encodeMessage } from './messages';
import { type Datatype, type Tensor, viewOf } from './tensor';

interface TensorVector {
  name: string;
  datatype: Datatype;
  shape: number[];
  data: string;
}

interface FrameVector {
  name: string;
  frame: string;
  header: JsonObject;
  inputs: TensorVector[];
  outputs: TensorVector[];
}

interface RefusedVector {
  name: string;
  frame: string;
  code: string;
}

function load<T>(file: string): T {
  const path = new URL(`../../tests/vectors/wire/${file}`, import.meta.url);
  return JSON.parse(readFileSync(path, 'utf8')) as T;
}

function fromHex(hex: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(hex.match(/../g) ?? [], (byte) => parseInt(byte, 16));
}

function toHex(data: ArrayBufferView): string {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('hex');
}

function toVectors(tensors: readonly Tensor[]): TensorVector[] {
  return tensors.map(({ name, datatype, shape, data }) => ({ name, datatype, shape, data: toHex(data) }));
}

interface Frames {
  valid: FrameVector[];
  invalid: RefusedVector[];
}
interface Messages {
  page: FrameVector[];
  pool: FrameVector[];
  invalid_page: RefusedVector[];
  invalid_pool: RefusedVector[];
}

const frames = load<Frames>('frames.json');
const messages = load<Messages>('messages.json');

function tensorsOf(vectors: TensorVector[]): Tensor[] {
  return vectors.map(({ name, datatype, shape, data }) => {
    const bytes = fromHex(data);
    return { name, datatype, shape, data: viewOf(datatype, bytes.buffer, 0, bytes.length) };
  });
}

function expectSame(frame: Frame, vector: FrameVector): void {
  expect(frame.header).toEqual(vector.header);
  expect(toVectors(frame.inputs)).toEqual(vector.inputs);
  expect(toVectors(frame.outputs)).toEqual(vector.outputs);
}

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof ProtocolError) return error.code;
    throw error;
  }
  return 'none';
}

describe('frames', () => {
  it('has vectors', () => {
    expect(frames.valid.length).toBeGreaterThanOrEqual(12);
    expect(frames.invalid.length).toBeGreaterThanOrEqual(60);
  });

  it.each(frames.valid)('reads $name', (vector) => {
    const bytes = fromHex(vector.frame);
    const frame = decodeFrame(bytes);
    expectSame(frame, vector);
    for (const tensor of [...frame.inputs, ...frame.outputs]) {
      expect(tensor.data.buffer).toBe(bytes.buffer);
      expect(tensor.data.byteOffset % 8).toBe(0);
    }
  });

  it.each(frames.valid)('writes $name again', (vector) => {
    const { inputs, outputs, ...header } = vector.header;
    const withData = (list: JsonValue | undefined, tensors: TensorVector[]) =>
      Array.isArray(list) && list.length === tensors.length ? tensorsOf(tensors) : undefined;
    const given = withData(inputs, vector.inputs);
    const answered = withData(outputs, vector.outputs);
    const bytes = encodeFrame(
      {
        ...header,
        ...(inputs !== undefined && given === undefined && { inputs }),
        ...(outputs !== undefined && answered === undefined && { outputs }),
      },
      { ...(given && { inputs: given }), ...(answered && { outputs: answered }) },
    );
    expectSame(decodeFrame(bytes), vector);
  });

  it.each(frames.invalid)('refuses $name as $code', (vector) => {
    expect(codeOf(() => decodeFrame(fromHex(vector.frame)))).toBe(vector.code);
  });
});

describe('messages', () => {
  it('has vectors', () => {
    expect(messages.page.length).toBeGreaterThanOrEqual(15);
    expect(messages.pool.length).toBeGreaterThanOrEqual(12);
    expect(messages.invalid_pool.length).toBeGreaterThanOrEqual(20);
  });

  it.each(messages.pool)('reads $name from the pool', (vector) => {
    const message = decodeMessage(fromHex(vector.frame));
    const { protocol: _, inputs: __, ...expected } = vector.header;
    const { inputs, ...rest } = message as PoolMessage & { inputs?: Tensor[] };
    expect(rest).toEqual({ received: [], ...expected });
    expect(toVectors(inputs ?? [])).toEqual(vector.inputs);
  });

  it.each(messages.page)('writes $name of the page', (vector) => {
    const { protocol: _, ...header } = vector.header;
    if (header['type'] === 'result' || header['type'] === 'echo') {
      (header as { outputs: unknown }).outputs = tensorsOf(vector.outputs);
    }
    const bytes = encodeMessage(header as unknown as PageMessage);
    expectSame(decodeFrame(bytes), vector);
  });

  it.each(messages.invalid_pool)('refuses $name', (vector) => {
    expect(codeOf(() => decodeMessage(fromHex(vector.frame)))).toBe(vector.code);
  });
});
