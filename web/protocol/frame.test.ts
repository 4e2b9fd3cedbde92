import { describe, expect, it } from 'vitest';

import { FrameBuffer, ProtocolError, decodeFrame, encodeFrame } from './frame';
import { LIMITS } from './limits';
import { type Tensor, decodeStrings, encodeStrings, tensorFault } from './tensor';

const floats = (name: string, ...values: number[]): Tensor => ({
  name,
  datatype: 'FP32',
  shape: [values.length],
  data: new Float32Array(values),
});

describe('encodeFrame', () => {
  it('writes the same bytes into a used buffer as into a new one', () => {
    const buffer = new FrameBuffer();
    const large = { ...floats('large'), shape: [5000], data: new Float32Array(5000).fill(7) };
    encodeFrame({ type: 'echo', id: 1 }, { outputs: [large] }, buffer);
    for (const outputs of [[floats('a', 1, 2, 3), floats('b', 4)], [floats('c', 5)], []]) {
      const fresh = encodeFrame({ type: 'echo', id: 2 }, { outputs });
      const reused = encodeFrame({ type: 'echo', id: 2 }, { outputs }, buffer);
      expect(Buffer.from(reused)).toEqual(Buffer.from(fresh));
    }
  });

  it('allocates nothing once the buffer is large enough', () => {
    const buffer = new FrameBuffer(1024);
    const first = encodeFrame({ type: 'a' }, { outputs: [floats('x', 1)] }, buffer);
    const second = encodeFrame({ type: 'b' }, { outputs: [floats('y', 2)] }, buffer);
    expect(second.buffer).toBe(first.buffer);
  });

  it('does not keep memory for one very large frame', () => {
    const buffer = new FrameBuffer(1024, 4096);
    const small = encodeFrame({ type: 'a' }, {}, buffer).buffer;
    const big = { ...floats('big'), shape: [5000], data: new Float32Array(5000).fill(3) };
    const frame = decodeFrame(encodeFrame({ type: 'b' }, { outputs: [big] }, buffer));
    expect(frame.outputs[0]?.data).toEqual(big.data);
    expect(encodeFrame({ type: 'a' }, {}, buffer).buffer).toBe(small);
  });

  it('grows for text of many bytes a character', () => {
    const text = 'ü€🌍'.repeat(5000);
    const header = { type: 'log', message: text };
    expect(decodeFrame(encodeFrame(header, {}, new FrameBuffer(0))).header).toEqual(header);
  });

  it('keeps tensors right when the header makes the buffer move', () => {
    const header = { type: 'x', text: 'ü'.repeat(300) };
    const frame = decodeFrame(encodeFrame(header, { inputs: [floats('a', 1, 2)] }, new FrameBuffer(0)));
    expect(frame.header['text']).toBe(header.text);
    expect(frame.inputs[0]?.data).toEqual(new Float32Array([1, 2]));
  });

  it('takes views into larger and into shared memory', () => {
    const memory = new Float32Array(new SharedArrayBuffer(64));
    memory.set([9, 8, 7, 6]);
    const tensor: Tensor = { ...floats('s'), shape: [2], data: memory.subarray(1, 3) };
    const frame = decodeFrame(encodeFrame({ type: 'x' }, { outputs: [tensor] }));
    expect(frame.outputs[0]?.data).toEqual(new Float32Array([8, 7]));
  });

  it('writes half a surrogate pair as a replacement character', () => {
    const header = { type: 'log', message: 'a\ud800b \\ud800 \\\ud800 🌍' };
    const frame = decodeFrame(encodeFrame(header));
    expect(frame.header['message']).toBe('a\ufffdb \\ud800 \\\ufffd 🌍');
  });

  it('refuses what the other side would refuse', () => {
    const wrong = { ...floats('x', 1, 2), shape: [3] };
    expect(() => encodeFrame({ type: 'x' }, { outputs: [wrong] })).toThrow(RangeError);
    const many = Array.from({ length: 1025 }, () => floats('x', 1));
    expect(() => encodeFrame({ type: 'x' }, { outputs: many })).toThrow(RangeError);
    expect(() => encodeFrame({ type: 'x', text: 'x'.repeat(1 << 20) })).toThrow(RangeError);
    const limits = { ...LIMITS, maxFrame: 100 };
    const large = { ...floats('x'), shape: [100], data: new Float32Array(100) };
    expect(() => encodeFrame({ type: 'x' }, { outputs: [large] }, undefined, limits)).toThrow(RangeError);
    const deep = { ...floats('x', 1), shape: Array<number>(33).fill(1) };
    expect(() => encodeFrame({ type: 'x' }, { outputs: [deep] })).toThrow(RangeError);
  });
});

describe('decodeFrame', () => {
  it('reads a frame at an odd address', () => {
    const bytes = encodeFrame({ type: 'x' }, { inputs: [floats('a', 1, 2)] });
    const shifted = new Uint8Array(bytes.length + 3);
    shifted.set(bytes, 3);
    expect(decodeFrame(shifted.subarray(3)).inputs[0]?.data).toEqual(new Float32Array([1, 2]));
  });

  it('counts tensors of both lists', () => {
    const none: Tensor = { name: 'n', datatype: 'BOOL', shape: [0], data: new Uint8Array(0) };
    const half = Array.from({ length: 513 }, () => none);
    const bytes = encodeFrame({ type: 'x' }, { inputs: half, outputs: half }, undefined, {
      ...LIMITS,
      maxTensors: 2000,
    });
    expect(() => decodeFrame(bytes)).toThrow(/^too_many_tensors: /);
  });

  it('heeds a smaller limit that was announced', () => {
    const bytes = encodeFrame({ type: 'x' }, { inputs: [floats('a', 1, 2)] });
    expect(() => decodeFrame(bytes, { ...LIMITS, maxFrame: 64 })).toThrow(ProtocolError);
  });
});

describe('strings', () => {
  it('go both ways', () => {
    const texts = ['', 'grüße', '🌍', '\ufeffmark'];
    const data = encodeStrings(texts);
    expect(decodeStrings(data)).toEqual(texts);
    expect(tensorFault({ name: 't', datatype: 'BYTES', shape: [2, 2], data })).toBeUndefined();
    expect(tensorFault({ name: 't', datatype: 'BYTES', shape: [3], data })).toContain('4');
  });

  it('that lie are refused', () => {
    expect(() => decodeStrings(new Uint8Array([255, 0, 0, 0, 1]))).toThrow();
    expect(() => decodeStrings(new Uint8Array([1, 0, 0, 0, 0xff]))).toThrow();
  });
});
