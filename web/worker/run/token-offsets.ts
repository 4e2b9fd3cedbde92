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
/** Bytes that unknown words before a known one may have together. */
const kFarthest = 4096;
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

/**
 * The text as its normaliser leaves it, and the character that each byte came from; written as far
 * as it is looked at, for of a long text only the beginning was made tokens.
 */
class Laid {
  private readonly bytes: number[] = [];
  private readonly origins: number[] = [];
  private readonly rest: Iterator<string>;
  /** Of each character that came: a normaliser takes a microsecond, and a text has millions. */
  private readonly normal = new Map<string, Uint8Array>();
  private index = 0;

  constructor(
    text: string,
    private readonly normalize: (character: string) => string,
  ) {
    this.rest = text[Symbol.iterator]();
  }

  /** undefined behind the end. */
  private byteAt(at: number): number | undefined {
    while (this.bytes.length <= at) {
      const { value, done } = this.rest.next();
      if (done) return undefined;
      for (const byte of this.normalized(value)) {
        this.bytes.push(byte);
        this.origins.push(this.index);
      }
      ++this.index;
    }
    return this.bytes[at];
  }

  private normalized(character: string): Uint8Array {
    let bytes = this.normal.get(character);
    if (!bytes) {
      bytes = encoder.encode(this.normalize(character));
      this.normal.set(character, bytes);
    }
    return bytes;
  }

  has(piece: readonly number[], at: number): boolean {
    return piece.every((byte, i) => this.byteAt(at + i) === byte);
  }

  skipSpace(at: number): number {
    let next = at;
    while (isSpace(this.byteAt(next))) ++next;
    return next;
  }

  /**
   * What so many words from `at` on take. They may be as long as the text, so none of it is laid;
   * nothing can be asked about the text after this.
   */
  lastWords(at: number, count: number): Span {
    const first = this.skipSpace(at);
    const begin = this.origins[first];
    let words = 0;
    let inWord = false;
    let last = begin ?? -1;
    const isLast = (byte: number, origin: number): boolean => {
      const space = isSpace(byte);
      if (space && inWord && words === count) return true;
      if (!space && !inWord) ++words;
      if (!space) last = origin;
      inWord = !space;
      return false;
    };
    const end = (): Span => (begin === undefined ? [-1, -1] : [begin, last + 1]);
    for (let next = first; next < this.bytes.length; ++next) {
      if (isLast(this.bytes[next] ?? 0, this.origins[next] ?? 0)) return end();
    }
    for (let { value, done } = this.rest.next(); !done; { value, done } = this.rest.next()) {
      for (const byte of this.normalized(value)) {
        if (isLast(byte, this.index)) return end();
      }
      ++this.index;
    }
    return end();
  }

  /** Where the piece stands next; -1: nowhere near. */
  find(piece: readonly number[], from: number): number {
    for (let at = from; at < from + kFarthest && this.byteAt(at) !== undefined; ++at) {
      if (this.has(piece, at)) return at;
    }
    return -1;
  }

  span(first: number, end: number): Span {
    let last = end;
    while (last > first && isSpace(this.byteAt(last - 1))) --last;
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
  if (lost.length > 0) {
    const rest = laid.lastWords(at, lost.length);
    for (const index of lost) spans[index] = rest;
  }
  return spans;
}
