import { describe, expect, it } from 'vitest';
import { type PieceStyle, pieceStyle, tokenOffsets } from './token-offsets';

const kWordPiece: PieceStyle = { continuing: '##', byteLevel: false };
const lower = (character: string): string =>
  character.toLowerCase().normalize('NFD').replace(/\p{Mn}/gu, '');

describe('tokenOffsets', () => {
  it('lays word pieces along a text that was lowered and stripped of accents', () => {
    const text = 'Él  vive en Heidelberg.';
    const pieces = [null, 'el', 'viv', '##e', 'en', 'heidel', '##berg', '.', null];
    expect(tokenOffsets(text, pieces, kWordPiece, lower)).toEqual([
      [-1, -1], [0, 2], [4, 7], [7, 8], [9, 11], [12, 18], [18, 22], [22, 23], [-1, -1],
    ]);
  });

  it('counts characters, not UTF-16 units', () => {
    expect(tokenOffsets('😀 ok', ['😀', 'ok'], kWordPiece, lower)).toEqual([[0, 1], [2, 4]]);
  });

  it('gives an unknown word what lies between its neighbours', () => {
    expect(tokenOffsets('a ☃☃ b ☃', ['a', '[UNK]', 'b', '[UNK]'], kWordPiece, lower)).toEqual([
      [0, 1], [2, 4], [5, 6], [7, 8],
    ]);
  });

  it('ends unknown words at the end of a text before its white space', () => {
    const unknown = (text: string, count: number) =>
      tokenOffsets(text, ['a', ...Array<string>(count).fill('[UNK]')], kWordPiece, lower);
    expect(unknown('a ☃ ☃☃ ☃', 2)).toEqual([[0, 1], [2, 6], [2, 6]]);
    expect(unknown('a ☃ \t', 1)).toEqual([[0, 1], [2, 3]]);
    expect(unknown('a ☃', 3)).toEqual([[0, 1], [2, 3], [2, 3], [2, 3]]);
    expect(unknown('a  ', 1)).toEqual([[0, 1], [-1, -1]]);
  });

  it('normalises no character twice, however long a word is', () => {
    const seen: string[] = [];
    const text = 'ab'.repeat(100_000);
    const spans = tokenOffsets(text, [null, '[UNK]', null], kWordPiece, (character) => {
      seen.push(character);
      return character;
    });
    expect(spans).toEqual([[-1, -1], [0, 200_000], [-1, -1]]);
    expect(seen).toEqual(['a', 'b']);
  });

  it('reads bytes of a byte-level vocabulary, a character in pieces too', () => {
    const style: PieceStyle = { continuing: '', byteLevel: true };
    // "é" is C3 A9: two tokens of the one character.
    expect(tokenOffsets('a é', ['a', 'ĠÃ', '©'], style, (character) => character)).toEqual([
      [0, 1], [2, 3], [2, 3],
    ]);
  });

  it('reads the marks of SentencePiece', () => {
    const style: PieceStyle = { continuing: '', byteLevel: false };
    expect(tokenOffsets('New York', ['▁New', '▁Yo', 'rk'], style, (character) => character)).toEqual([
      [0, 3], [4, 6], [6, 8],
    ]);
  });
});

describe('pieceStyle', () => {
  it('is what tokenizer.json says', () => {
    expect(pieceStyle({ model: { continuing_subword_prefix: '##' } })).toEqual(kWordPiece);
    expect(pieceStyle({ model: {}, decoder: { type: 'ByteLevel' } }).byteLevel).toBe(true);
    expect(pieceStyle({ model: { continuing_subword_prefix: null } }).continuing).toBe('');
  });
});
