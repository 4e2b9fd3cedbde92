// A file as UnixFS under the unixfs-v1-2025 profile (1 MiB raw leaves, width 1024), for the
// development server only: the pool does this in C++.
import { createHash } from 'node:crypto';

const kLeaf = 1024 * 1024;
const kWidth = 1024;
const kAlphabet = 'abcdefghijklmnopqrstuvwxyz234567';

function sha256(bytes) {
  return createHash('sha256').update(bytes).digest();
}

function cidBytes(codec, block) {
  return Buffer.concat([Buffer.from([1, codec, 0x12, 0x20]), sha256(block)]);
}

function base32(bytes) {
  let bits = '';
  for (const byte of bytes) bits += byte.toString(2).padStart(8, '0');
  return (
    'b' +
    bits
      .match(/.{1,5}/g)
      .map((five) => kAlphabet[parseInt(five.padEnd(5, '0'), 2)])
      .join('')
  );
}

function varint(value) {
  const bytes = [];
  for (; value >= 128; value = Math.floor(value / 128)) bytes.push((value % 128) + 128);
  return Buffer.from([...bytes, value]);
}

function field(number, body) {
  return Buffer.concat([varint(number * 8 + 2), varint(body.length), body]);
}

function number(key, value) {
  return Buffer.concat([varint(key * 8), varint(value)]);
}

/** Returns the file's CID and fills `blocks` (CID -> bytes, or a view of the file for a leaf). */
export function importFile(bytes, blocks = new Map()) {
  let level = [];
  for (let at = 0; at < bytes.length || at === 0; at += kLeaf) {
    const leaf = bytes.subarray(at, at + kLeaf);
    const cid = cidBytes(0x55, leaf);
    blocks.set(base32(cid), leaf);
    level.push({ cid, size: leaf.length, total: leaf.length });
  }
  while (level.length > 1) {
    const next = [];
    for (let at = 0; at < level.length; at += kWidth) {
      const children = level.slice(at, at + kWidth);
      const size = children.reduce((sum, child) => sum + child.size, 0);
      const links = children.map(({ cid, total }) =>
        field(2, Buffer.concat([field(1, cid), field(2, Buffer.alloc(0)), number(3, total)])),
      );
      const data = Buffer.concat([
        number(1, 2),
        number(3, size),
        ...children.map((child) => number(4, child.size)),
      ]);
      const block = Buffer.concat([...links, field(1, data)]);
      const cid = cidBytes(0x70, block);
      blocks.set(base32(cid), block);
      const below = children.reduce((sum, child) => sum + child.total, 0);
      next.push({ cid, size, total: block.length + below });
    }
    level = next;
  }
  return { cid: base32(level[0].cid), blocks };
}
