import * as ort from 'onnxruntime-common';
import { describe, expect, it, vi } from 'vitest';

vi.mock('onnxruntime-web/webgpu', () => ort);
const { TokenBuckets, checkTokenInputs, joinedRows, lengthFor, paddedRow } =
  await import('./token-buckets');

const ids = (rows: number, tokens: number) => {
  const data = BigInt64Array.from({ length: rows * tokens }, (_, i) => BigInt(i + 1));
  return new ort.Tensor('int64', data, [rows, tokens]);
};

describe('lengthFor', () => {
  it.each([
    [1, 32],
    [32, 32],
    [33, 128],
    [512, 512],
  ])('%i tokens go into %i', (tokens, length) => expect(lengthFor(tokens)).toBe(length));

  it('cuts no text off', () => {
    expect(() => lengthFor(513)).toThrow(expect.objectContaining({ category: 'unsupported' }));
  });
});

describe('rows', () => {
  it('pads one with zeros', () => {
    const row = paddedRow(ids(2, 3) as never, 1, 5);
    expect(row.dims).toEqual([1, 5]);
    expect([...(row.data as BigInt64Array)]).toEqual([4n, 5n, 6n, 0n, 0n]);
  });

  it('joins the states of the tokens that were asked for', () => {
    const states = (first: number) =>
      new ort.Tensor('float32', [first, 1, 2, 3, 4, 5], [1, 3, 2]) as never;
    const joined = joinedRows([states(10), states(20)], 2);
    expect(joined.dims).toEqual([2, 2, 2]);
    expect([...(joined.data as Float32Array)]).toEqual([10, 1, 2, 3, 20, 1, 2, 3]);
  });

  it('takes inputs of rows and tokens only', () => {
    expect(() => checkTokenInputs(new Map([['ids', ['batch', 'batch']]]))).not.toThrow();
    expect(() => checkTokenInputs(new Map([['pixels', [1, 3, 8, 8]]]))).toThrow('"pixels"');
  });
});

describe('TokenBuckets', () => {
  it('makes each session once, runs row by row, and tries again after a failure', async () => {
    const made: number[] = [];
    let fails = true;
    const buckets = new TokenBuckets(async (length) => {
      made.push(length);
      if (fails) throw new Error('no memory');
      return async (feeds) => {
        const row = feeds['ids']!.data as BigInt64Array;
        const data = Float32Array.from(row, Number);
        return { states: new ort.Tensor('float32', data, [1, length, 1]) as never };
      };
    });
    const feeds = { ids: ids(2, 3) as never };
    await expect(buckets.run(feeds, 'states')).rejects.toThrow('no memory');
    fails = false;
    const first = await buckets.run(feeds, 'states');
    await buckets.run(feeds, 'states');
    expect([...(first.data as Float32Array)]).toEqual([1, 2, 3, 4, 5, 6]);
    expect(made).toEqual([32, 32]);
  });

  it('runs a short text through a short session though a long one came with it', async () => {
    const lengths: number[] = [];
    const buckets = new TokenBuckets(async (length) => async (feeds) => {
      lengths.push(length);
      const data = Float32Array.from(feeds['ids']!.data as BigInt64Array, Number);
      return { states: new ort.Tensor('float32', data, [1, length, 1]) as never };
    });
    const tokens = 40;
    const mask = new BigInt64Array(2 * tokens).fill(1n, 0, 3).fill(1n, tokens);
    const feeds = {
      ids: ids(2, tokens) as never,
      attention_mask: new ort.Tensor('int64', mask, [2, tokens]) as never,
    };
    const states = (await buckets.run(feeds, 'states')).data as Float32Array;
    expect(lengths).toEqual([32, 128]);
    expect([...states.subarray(0, 3)]).toEqual([1, 2, 3]);
    expect([...states.subarray(tokens)]).toEqual(Array.from({ length: tokens }, (_, i) => 41 + i));
  });
});
