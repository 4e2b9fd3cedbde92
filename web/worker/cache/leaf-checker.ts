// Fills one buffer with a file's bytes as they come, hashes each leaf as soon as it is complete,
// and says which leaves did not match.

import { matchesDigest } from './cid';
import type { FilePlan, Leaf } from './file-plan';

/** The browser copies what it hashes: so many leaves may be on the way at once. */
const kMostChecks = 16;

export class LeafChecker {
  private readonly checks = new Set<Promise<void>>();
  private readonly bad: Leaf[] = [];

  /** `onGood` is called for each leaf that matched, in no order. */
  constructor(
    private readonly target: Uint8Array,
    private readonly onGood: (leaf: Leaf, bytes: Uint8Array) => void = () => undefined,
  ) {}

  /** The leaf's bytes are in the target: hash them. */
  check(leaf: Leaf): void {
    const bytes = this.target.subarray(leaf.offset, leaf.offset + leaf.size);
    const check = matchesDigest(bytes, leaf.cid.digest).then((matches) => {
      this.checks.delete(check);
      if (matches) this.onGood(leaf, bytes);
      else this.bad.push(leaf);
    });
    this.checks.add(check);
  }

  /** Waits until another leaf may be checked without piling up copies. */
  async room(): Promise<void> {
    while (this.checks.size >= kMostChecks) await Promise.race(this.checks);
  }

  /** A sink for consecutive bytes that begin at leaves[first]. */
  sinkFrom(plan: FilePlan, first: number): (piece: Uint8Array) => void {
    let next = first;
    let at = plan.leaves[first]?.offset ?? 0;
    return (piece) => {
      this.target.set(piece, at);
      at += piece.length;
      for (;;) {
        const leaf = plan.leaves[next];
        if (!leaf || leaf.offset + leaf.size > at) return;
        this.check(leaf);
        next += 1;
      }
    };
  }

  /** All checks begun so far; the leaves that did not match, in the file's order. */
  async settle(): Promise<Leaf[]> {
    await Promise.all(this.checks);
    return this.bad.splice(0).sort((a, b) => a.offset - b.offset);
  }
}
