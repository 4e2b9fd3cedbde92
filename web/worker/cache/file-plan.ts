// What a file's CID stands for: the list of its leaves, each with its digest and place. It is built
// from dag-pb nodes that are hashed before they are believed, so a plan can be trusted as far as
// the CID can, wherever the nodes came from (the pool or an earlier visit).

import { PoolError } from '../error';
import { type Cid, matchesDigest } from './cid';
import { decodeFileNode } from './dag-pb';

export interface Leaf {
  cid: Cid;
  offset: number;
  size: number;
}

export interface FilePlan {
  cid: Cid;
  size: number;
  leaves: Leaf[];
  /** The nodes in the order in which they were read, to be kept beside the file. */
  nodes: Uint8Array[];
}

/** Where nodes come from; need not be trusted. */
export type NodeReader = (cid: Cid) => Promise<Uint8Array>;

const kMaxBlock = 2 * 1024 * 1024;
const kMaxDepth = 8;

/** Builds the plan. Throws PoolError `integrity` where a node or the announced size is wrong. */
export async function planFile(cid: Cid, size: number, read: NodeReader): Promise<FilePlan> {
  const plan: FilePlan = { cid, size, leaves: [], nodes: [] };
  await addBlock(plan, cid, 0, size, read, 0);
  return plan;
}

async function addBlock(
  plan: FilePlan,
  cid: Cid,
  offset: number,
  size: number,
  read: NodeReader,
  depth: number,
): Promise<void> {
  if (cid.codec === 'raw') {
    if (size > kMaxBlock) throw new PoolError('integrity', `leaf ${cid.text} is over 2 MiB`);
    plan.leaves.push({ cid, offset, size });
    return;
  }
  if (depth > kMaxDepth) throw new PoolError('integrity', `${plan.cid.text} is nested too deep`);
  const block = await read(cid);
  if (block.length > kMaxBlock || !(await matchesDigest(block, cid.digest))) {
    throw new PoolError('integrity', `block ${cid.text} does not match its hash`);
  }
  const node = decodeFileNode(block);
  if (node.size !== size) {
    throw new PoolError(
      'integrity',
      `block ${cid.text} stands for ${node.size} bytes where ${size} were announced`,
    );
  }
  plan.nodes.push(block);
  let at = offset;
  for (const child of node.children) {
    await addBlock(plan, child.cid, at, child.size, read, depth + 1);
    at += child.size;
  }
}

/** The nodes as one blob: u32 little-endian length and bytes, each. */
export function packNodes(nodes: Uint8Array[]): Uint8Array {
  const packed = new Uint8Array(nodes.reduce((sum, node) => sum + 4 + node.length, 0));
  const view = new DataView(packed.buffer);
  let at = 0;
  for (const node of nodes) {
    view.setUint32(at, node.length, true);
    packed.set(node, at + 4);
    at += 4 + node.length;
  }
  return packed;
}

/** Reads a blob of packNodes in order; what is cut off ends it. Trust comes from planFile. */
export function packedNodeReader(packed: Uint8Array): NodeReader {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  let at = 0;
  return async (cid) => {
    if (at + 4 > packed.length) {
      throw new PoolError('integrity', `block ${cid.text} is missing in the stored index`);
    }
    const length = view.getUint32(at, true);
    const block = packed.subarray(at + 4, at + 4 + length);
    at += 4 + length;
    return block;
  };
}
