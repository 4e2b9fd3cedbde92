// What two pages say to each other over their data channel (docs/protocol.md, "Between pages").
// Whatever comes in is another machine's word: it is checked here, and its bytes are hashed before
// they are used.

export type PeerMessage =
  /** Who has leaves of that file? Answered by `have`, where there is something to say. */
  | { type: 'who'; cid: string }
  /** The sender can give these leaves, by their number in the file. */
  | { type: 'have'; cid: string; leaves: number[] | 'all' }
  | { type: 'want'; id: number; cid: string; offset: number; size: number }
  /** The sender can't give what was wanted. */
  | { type: 'none'; id: number };

/** Part of what was wanted, as a binary message: u32 id, u32 offset in the leaf, and the bytes. */
export interface Piece {
  id: number;
  offset: number;
  bytes: Uint8Array;
}

export const kLargestLeaf = 2 * 1024 * 1024;
/** Larger messages hold up the small ones; some browsers take no larger ones. */
export const kMessage = 224 * 1024;
const kHead = 8;
const kMostLeaves = 65536;
const kMostText = 512 * 1024;

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isCid(value: unknown): value is string {
  return typeof value === 'string' && /^[A-Za-z0-9]{1,128}$/.test(value);
}

/** Null for what is no such message. */
export function readMessage(text: string): PeerMessage | null {
  if (text.length > kMostText) return null;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null) return null;
  const { type, cid, leaves, id, offset, size } = value as Record<string, unknown>;
  switch (type) {
    case 'who':
      return isCid(cid) ? { type, cid } : null;
    case 'have': {
      if (!isCid(cid)) return null;
      if (leaves === 'all') return { type, cid, leaves };
      const right = Array.isArray(leaves) && leaves.length <= kMostLeaves && leaves.every(isCount);
      return right ? { type, cid, leaves: leaves as number[] } : null;
    }
    case 'want':
      if (!isCount(id) || id > 0xffffffff || !isCid(cid) || !isCount(offset)) return null;
      return isCount(size) && size > 0 && size <= kLargestLeaf
        ? { type, id, cid, offset, size }
        : null;
    case 'none':
      return isCount(id) ? { type, id } : null;
    default:
      return null;
  }
}

/** Null for what is too short to be one. */
export function readPiece(data: ArrayBuffer): Piece | null {
  if (data.byteLength <= kHead) return null;
  const view = new DataView(data);
  const bytes = new Uint8Array(data, kHead);
  return { id: view.getUint32(0, true), offset: view.getUint32(4, true), bytes };
}

/** The leaf in messages of at most kMessage bytes. */
export function piecesOf(id: number, leaf: Uint8Array): ArrayBuffer[] {
  const pieces: ArrayBuffer[] = [];
  for (let at = 0; at < leaf.length; at += kMessage - kHead) {
    const bytes = leaf.subarray(at, at + kMessage - kHead);
    const piece = new Uint8Array(kHead + bytes.length);
    const view = new DataView(piece.buffer);
    view.setUint32(0, id, true);
    view.setUint32(4, at, true);
    piece.set(bytes, kHead);
    pieces.push(piece.buffer);
  }
  return pieces;
}
