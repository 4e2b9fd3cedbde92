import { describe, expect, it } from 'vitest';
import { type Tensor, encodeStrings } from '../../protocol/tensor';
import { PoolError } from '../error';
import { readStrings, readTexts } from './texts';

const bytes = (data: Uint8Array, count: number): Tensor => ({
  name: 'text',
  datatype: 'BYTES',
  shape: [count],
  data,
});

describe('readTexts', () => {
  it('gives what is UTF-8', () => {
    const texts = ['', 'grüße 🌍'];
    expect(readTexts(bytes(encodeStrings(texts), 2))).toEqual(texts);
  });

  it.each([
    ['no UTF-8', new Uint8Array([2, 0, 0, 0, 0xff, 0xfe])],
    ['a length that lies', new Uint8Array([9, 0, 0, 0, 1])],
    ['none', new Uint8Array()],
  ])('is the caller\'s mistake: %s', (_, data) => {
    const read = (): string[] => readTexts(bytes(data, 1));
    expect(read).toThrow(PoolError);
    expect(read).toThrow(expect.objectContaining({ category: 'invalid_input' }));
  });

  it('is not what a graph of strings needs', () => {
    expect(readStrings(bytes(new Uint8Array(), 0))).toEqual([]);
  });
});
