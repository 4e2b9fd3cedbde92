// CIDs as far as a verified reader needs them: SHA-256 of a raw leaf or of a dag-pb node.

import { PoolError } from '../error';

export type Codec = 'raw' | 'dag-pb';

export interface Cid {
  readonly codec: Codec;
  /** SHA-256, 32 bytes. */
  readonly digest: Uint8Array;
  /** CIDv1 in base32, the form used in URLs and file names. */
  readonly text: string;
}

const kBase32 = 'abcdefghijklmnopqrstuvwxyz234567';
const kBase58 = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';
const kCodes: Record<number, Codec> = { 0x55: 'raw', 0x70: 'dag-pb' };

function invalid(text: string, why: string): PoolError {
  return new PoolError('invalid_argument', `"${text}" is not a usable CID: ${why}`);
}

function decodeBase32(text: string): Uint8Array | null {
  const bytes = new Uint8Array(Math.floor((text.length * 5) / 8));
  let bits = 0;
  let value = 0;
  let at = 0;
  for (const letter of text) {
    const digit = kBase32.indexOf(letter);
    if (digit < 0) return null;
    value = (value << 5) | digit;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes[at++] = (value >>> bits) & 0xff;
    }
    value &= 0xff;
  }
  return bytes;
}

function encodeBase32(bytes: Uint8Array): string {
  let text = '';
  let bits = 0;
  let value = 0;
  for (const byte of bytes) {
    value = (value << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += kBase32[(value >>> bits) & 31];
    }
    value &= 0xff;
  }
  if (bits > 0) text += kBase32[(value << (5 - bits)) & 31];
  return text;
}

function decodeBase58(text: string): Uint8Array | null {
  let number = 0n;
  for (const letter of text) {
    const digit = kBase58.indexOf(letter);
    if (digit < 0) return null;
    number = number * 58n + BigInt(digit);
  }
  const hex = number.toString(16);
  const even = hex.length % 2 ? `0${hex}` : hex;
  return Uint8Array.from(even.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

function make(codec: Codec, digest: Uint8Array): Cid {
  const bytes = new Uint8Array(36);
  bytes.set([1, codec === 'raw' ? 0x55 : 0x70, 0x12, 0x20]);
  bytes.set(digest, 4);
  return { codec, digest, text: `b${encodeBase32(bytes)}` };
}

/** The binary form, as it stands in a dag-pb link. */
export function cidFromBytes(bytes: Uint8Array): Cid {
  if (bytes.length === 34 && bytes[0] === 0x12 && bytes[1] === 0x20) {
    return make('dag-pb', bytes.slice(2));
  }
  const codec = kCodes[bytes[1] ?? 0];
  if (bytes.length !== 36 || bytes[0] !== 1 || !codec || bytes[2] !== 0x12 || bytes[3] !== 0x20) {
    throw new PoolError('integrity', 'a link does not hold a SHA-256 CID of a raw or dag-pb block');
  }
  return make(codec, bytes.slice(4));
}

/** Base32 CIDv1 ('bafy…', 'bafk…') or base58 CIDv0 ('Qm…'). */
export function parseCid(text: string): Cid {
  const bytes = text.startsWith('Qm') ? decodeBase58(text) : decodeBase32(text.slice(1));
  if (!bytes || !(text.startsWith('b') || text.startsWith('Qm'))) {
    throw invalid(text, 'only base32 and CIDv0 are read');
  }
  try {
    return cidFromBytes(bytes);
  } catch {
    throw invalid(text, 'only SHA-256 of a raw or dag-pb block is read');
  }
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; ++i) if (a[i] !== b[i]) return false;
  return true;
}

/** True where `block` hashes to `digest`. Works off-thread: several may be awaited together. */
export async function matchesDigest(block: Uint8Array, digest: Uint8Array): Promise<boolean> {
  const found = await crypto.subtle.digest('SHA-256', block as Uint8Array<ArrayBuffer>);
  return sameBytes(new Uint8Array(found), digest);
}
