// Reading dag-pb nodes of UnixFS files: what blocks a file consists of, and where each one lies.

import { PoolError } from '../error';
import { fields, packedVarints } from '../protobuf';
import { type Cid, cidFromBytes } from './cid';

export interface FileNode {
  /** The file's bytes below this node. */
  size: number;
  children: { cid: Cid; size: number }[];
}

/** Decodes a node of a UnixFS file that has children. Throws PoolError `integrity` otherwise. */
export function decodeFileNode(block: Uint8Array): FileNode {
  const links: Cid[] = [];
  let data: Uint8Array | null = null;
  for (const field of fields(block)) {
    if (field.number === 1) data = field.bytes;
    if (field.number === 2) {
      for (const part of fields(field.bytes)) {
        if (part.number === 1) links.push(cidFromBytes(part.bytes));
      }
    }
  }
  if (!data) throw new PoolError('integrity', 'a node holds no UnixFS data');
  let type = -1;
  let size = 0;
  let inlineBytes = 0;
  const sizes: number[] = [];
  for (const field of fields(data)) {
    if (field.number === 1) type = field.value;
    if (field.number === 2) inlineBytes = field.bytes.length;
    if (field.number === 3) size = field.value;
    if (field.number === 4) {
      if (field.bytes.length) sizes.push(...packedVarints(field.bytes));
      else sizes.push(field.value);
    }
  }
  if (type !== 2) throw new PoolError('integrity', 'a node is not part of a UnixFS file');
  if (inlineBytes > 0) {
    throw new PoolError(
      'unsupported',
      "the file's leaves are not raw blocks",
      'import the file again with webpool',
    );
  }
  if (sizes.length !== links.length) {
    throw new PoolError('integrity', 'a node has not one block size for each link');
  }
  const children = links.map((cid, i) => ({ cid, size: sizes[i] ?? 0 }));
  if (children.reduce((sum, child) => sum + child.size, 0) !== size) {
    throw new PoolError('integrity', "a node's block sizes don't add up to its file size");
  }
  return { size, children };
}
