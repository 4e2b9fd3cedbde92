// Where in a text each token stands. Tokenizers in JavaScript don't tell, so the tokens are laid
// along the text again, as the tokenizer's own normaliser rewrote it, character by character.

/** How a tokenizer writes the pieces of a text as tokens. */
export interface PieceStyle {
  /** Before a piece that goes on with the word before it ("##"); empty: none. */
  continuing: string;
  /** Characters stand for bytes, as in GPT-2's vocabulary. */
  byteLevel: boolean;
}

/** Characters (code points) from `start` up to `end`; [-1, -1] for a token of no text. */
export type Span = [number, number];

interface TokenizerDescription {
  model?: { continuing_subword_prefix?: string | null };
  pre_tokenizer?: unknown;
  decoder?: unknown;
}

/** From tokenizer.json. */
export function pieceStyle(tokenizer: TokenizerDescription): PieceStyle {
  const says = (part: unknown): boolean => JSON.stringify(part ?? null).includes('"ByteLevel"');
  return {
    continuing: tokenizer.model?.continuing_subword_prefix ?? '',
    byteLevel: says(tokenizer.pre_tokenizer) || says(tokenizer.decoder),
  };
}

/** GPT-2's alphabet: a printable character for each byte. */
function bytesByCharacter(): Map<string, number> {
  const printable = (byte: number): boolean =>
    (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  const map = new Map<string, number>();
  let next = 256;
  for (let byte = 0; byte < 256; ++byte) {
    map.set(String.fromCodePoint(printable(byte) ? byte : next++), byte);
  }
  return map;
}

const kByteOf = bytesByCharacter();
const encoder = new TextEncoder();
const isSpace = (byte: number | undefined): boolean =>
  byte === 32 || (byte !== undefined && byte >= 9 && byte <= 13);

function trimmed(bytes: number[]): number[] {
  let first = 0;
  while (first < bytes.length && isSpace(bytes[first])) ++first;
  let last = bytes.length;
  while (last > first && isSpace(bytes[last - 1])) --last;
  return bytes.slice(first, last);
}

function bytesOf(token: string, style: PieceStyle): number[] {
  if (style.byteLevel) return trimmed([...token].flatMap((character) => kByteOf.get(character) ?? []));
  let piece = token;
  if (style.continuing && piece.startsWith(style.continuing)) {
    piece = piece.slice(style.continuing.length);
  }
  return trimmed([...encoder.encode(piece.replaceAll('▁', ' ').replace(/<\/w>$/, ''))]);
}

/** The text as its normaliser leaves it, and the character that each byte came from. */
class Laid {
  readonly bytes: number[] = [];
  readonly origins: number[] = [];

  constructor(text: string, normalize: (character: string) => string) {
    let index = 0;
    for (const character of text) {
      for (const byte of encoder.encode(normalize(character))) {
        this.bytes.push(byte);
        this.origins.push(index);
      }
      ++index;
    }
  }

  has(piece: readonly number[], at: number): boolean {
    return piece.every((byte, i) => this.bytes[at + i] === byte);
  }

  skipSpace(at: number): number {
    let next = at;
    while (isSpace(this.bytes[next])) ++next;
    return next;
  }

  /** Where the piece stands next; -1: nowhere. */
  find(piece: readonly number[], from: number): number {
    for (let at = from; at + piece.length <= this.bytes.length; ++at) {
      if (this.has(piece, at)) return at;
    }
    return -1;
  }

  span(first: number, end: number): Span {
    let last = end;
    while (last > first && isSpace(this.bytes[last - 1])) --last;
    const origin = this.origins[first];
    const final = this.origins[last - 1];
    return origin === undefined || final === undefined || last <= first ? [-1, -1] : [origin, final + 1];
  }
}

/**
 * `pieces`: the tokens of the text in order; null for one that stands for no text of its own (a
 * special token). A token that is not to be found (an unknown word) gets what lies between its
 * neighbours.
 */
export function tokenOffsets(
  text: string,
  pieces: readonly (string | null)[],
  style: PieceStyle,
  normalize: (character: string) => string,
): Span[] {
  const laid = new Laid(text, normalize);
  const spans: Span[] = pieces.map(() => [-1, -1]);
  let at = 0;
  let lost: number[] = [];
  const settle = (end: number): void => {
    for (const index of lost) spans[index] = laid.span(laid.skipSpace(at), end);
    lost = [];
  };
  pieces.forEach((piece, index) => {
    if (piece === null) return;
    const bytes = bytesOf(piece, style);
    if (bytes.length === 0) return;
    const next = laid.skipSpace(at);
    const found = lost.length > 0 ? laid.find(bytes, next) : laid.has(bytes, next) ? next : -1;
    if (found < 0) {
      lost.push(index);
      return;
    }
    settle(found);
    at = found + bytes.length;
    spans[index] = laid.span(found, at);
  });
  settle(laid.bytes.length);
  return spans;
}
