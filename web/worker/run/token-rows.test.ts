import { describe, expect, it } from 'vitest';
import { cutRow, padRows, trailingOf } from './token-rows';

describe('cutRow', () => {
  const row = { ids: [101, 1, 2, 3, 102], types: [0, 0, 0, 0, 1] };
  it('keeps the special token at the end', () => {
    expect(cutRow(row, 4, 1)).toEqual({ ids: [101, 1, 2, 102], types: [0, 0, 0, 1] });
    expect(cutRow(row, 1, 1)).toEqual({ ids: [102], types: [1] });
  });
  it('leaves alone what fits', () => expect(cutRow(row, 5, 1)).toEqual(row));
  it('cuts plainly where nothing trails', () => {
    expect(cutRow(row, 2, 0).ids).toEqual([101, 1]);
  });
});

it('trailingOf counts special tokens from the end', () => {
  expect(trailingOf([101, 7, 102, 0], new Set([0, 101, 102]))).toBe(2);
  expect(trailingOf([101], new Set([101]))).toBe(1);
});

it('padRows pads to the longest and masks what is padding', () => {
  const batch = padRows([{ ids: [5, 6], types: [0, 1] }, { ids: [7], types: [0] }], 9);
  expect([batch.rows, batch.length]).toEqual([2, 2]);
  expect([...batch.ids]).toEqual([5n, 6n, 7n, 9n]);
  expect([...batch.mask]).toEqual([1n, 1n, 1n, 0n]);
  expect([...batch.types]).toEqual([0n, 1n, 0n, 0n]);
});
