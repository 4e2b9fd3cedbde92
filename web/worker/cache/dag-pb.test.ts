import { describe, expect, it } from 'vitest';
import { decodeFileNode } from './dag-pb';

const kCid = [1, 0x55, 0x12, 0x20, ...new Array<number>(32).fill(7)];
const bytes = (number: number, body: number[]): number[] => [number * 8 + 2, body.length, ...body];
const link = bytes(2, [...bytes(1, kCid), 0x12, 0, 0x18, 4]);
const node = (links: number, unixfs: number[]): Uint8Array =>
  new Uint8Array([...new Array(links).fill(link).flat(), ...bytes(1, unixfs)]);

describe('decodeFileNode', () => {
  it('reads block sizes written one by one, and packed', () => {
    const single = decodeFileNode(node(2, [8, 2, 0x18, 7, 0x20, 4, 0x20, 3]));
    const packed = decodeFileNode(node(2, [8, 2, 0x18, 7, 0x22, 2, 4, 3]));
    expect(single.children.map((child) => child.size)).toEqual([4, 3]);
    expect(packed).toEqual(single);
  });

  it.each([
    ['a directory', node(1, [8, 1, 0x18, 4, 0x20, 4]), 'integrity'],
    ['one size for two links', node(2, [8, 2, 0x18, 4, 0x20, 4]), 'integrity'],
    ['sizes that do not add up', node(2, [8, 2, 0x18, 9, 0x20, 4, 0x20, 4]), 'integrity'],
    ['no UnixFS data', new Uint8Array(link), 'integrity'],
    ['bytes inside the node', node(0, [8, 2, 0x12, 1, 65, 0x18, 1]), 'unsupported'],
  ])('refuses %s', (_, block, category) => {
    expect(() => decodeFileNode(block)).toThrow(expect.objectContaining({ category }));
  });

  it('refuses bytes that are cut off', () => {
    expect(() => decodeFileNode(node(1, [8, 2]).subarray(0, 20))).toThrow();
  });
});
