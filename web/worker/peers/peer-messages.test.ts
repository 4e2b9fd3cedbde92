import { describe, expect, it } from 'vitest';
import { kMessage, piecesOf, readMessage, readPiece } from './peer-messages';

describe('readMessage', () => {
  it.each([
    { type: 'who', cid: 'bafkreia' },
    { type: 'have', cid: 'bafkreia', leaves: [0, 7] },
    { type: 'have', cid: 'bafkreia', leaves: 'all' },
    { type: 'want', id: 3, cid: 'bafkreia', offset: 1048576, size: 1048576 },
    { type: 'none', id: 3 },
  ])('reads %j', (message) => expect(readMessage(JSON.stringify(message))).toEqual(message));

  it.each([
    ['no JSON', '{'],
    ['null', 'null'],
    ['an unknown type', '{"type":"shout"}'],
    ['no file', '{"type":"who"}'],
    ['a path for a file', '{"type":"who","cid":"../x"}'],
    ['a leaf that is no number', '{"type":"have","cid":"a","leaves":[0.5]}'],
    ['leaves that are no list', '{"type":"have","cid":"a","leaves":"some"}'],
    ['an endless leaf', '{"type":"want","id":1,"cid":"a","offset":0,"size":2097153}'],
    ['a leaf of no byte', '{"type":"want","id":1,"cid":"a","offset":0,"size":0}'],
    ['a place before the file', '{"type":"want","id":1,"cid":"a","offset":-1,"size":1}'],
    ['a number that is none', '{"type":"none","id":"1"}'],
  ])('takes %s for nothing', (_, text) => expect(readMessage(text)).toBeNull());

  it('takes a list without end for nothing', () => {
    const leaves = new Array(65537).fill(1);
    expect(readMessage(JSON.stringify({ type: 'have', cid: 'a', leaves }))).toBeNull();
  });
});

describe('pieces', () => {
  it('bring a leaf in messages that every browser takes', () => {
    const leaf = new Uint8Array(1048576).map((_, i) => i & 0xff);
    const pieces = piecesOf(7, leaf);
    expect(pieces).toHaveLength(5);
    const back = new Uint8Array(leaf.length);
    for (const data of pieces) {
      expect(data.byteLength).toBeLessThanOrEqual(kMessage);
      const piece = readPiece(data)!;
      expect(piece.id).toBe(7);
      back.set(piece.bytes, piece.offset);
    }
    expect(Buffer.compare(back, leaf)).toBe(0);
  });

  it('are longer than their head', () => {
    expect(readPiece(new ArrayBuffer(8))).toBeNull();
  });
});
