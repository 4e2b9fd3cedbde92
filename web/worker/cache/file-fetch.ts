// Fetches the leaves of one file from the pool, and from other pages where the pool named some. What
// the pool sends is checked by a LeafChecker as it comes; what a page sends is checked here, before
// it is put in its place, and a page that gives a wrong leaf gives no other.

import { PoolError } from '../error';
import type { Swarm, SwarmListener, Swarms } from '../peers/file-peers';
import { LeafChooser } from '../peers/leaf-chooser';
import type { PeerMessage, Piece } from '../peers/peer-messages';
import { matchesDigest } from './cid';
import type { FilePlan, Leaf } from './file-plan';
import { LeafChecker } from './leaf-checker';
import type { Source } from './source';
import type { Turns } from './turns';

export interface FetchOptions {
  source: Source;
  /** One for each request to the pool that may be under way: one where the line is quick. */
  turns: Turns;
  lanes: number;
  rank: number;
  /** The leaf to begin with. */
  start?: number;
  /** Null where no other page can be reached. */
  swarms: Swarms | null;
  /** Called for each leaf that is verified and in its place, in no order. */
  onGood: (leaf: Leaf, bytes: Uint8Array) => void;
  log: (level: 'info' | 'warning', message: string) => void;
  now: () => number;
  later: (work: () => void, ms: number) => void;
}

const kRange = 64 * 1024 * 1024;
const kQuickly = 500; // ms
const kQuickLine = 32_000; // Bytes in a ms by one request: more at once would cost time there.
const kAtOnce = 30; // ms for a few bytes on such a line
const kSlow = 1000; // ms after which a request leaves half of what is left to another
const kWorthwhile = 4; // Leaves that it keeps, and that it leaves, at least.
const kTick = 500; // ms
const kOpenAtPeer = 2;
const kOpenAtPool = 2; // While others share.
const kPatience = 3000; // ms without a word of the others until the pool is asked for all
const kPeerPatience = 10_000; // ms without a byte of what a page was asked for
const kTries = 4; // Of one range.
const kPause = 1000; // ms, longer each time
const kLeafPatience = 20_000; // ms for one leaf: who is so slow must not hold the end

/** What one request to the pool is for. */
interface Range {
  first: number;
  /** Sooner than it was, where another request took the rest. */
  end: number;
  begun: number;
  /** Bytes of the file that came, from its begin. */
  at: number;
}

interface Want {
  peer: string;
  leaf: number;
  bytes: Uint8Array<ArrayBuffer>;
  got: number;
  begun: number;
  since: number;
}

export class FileFetch implements SwarmListener {
  readonly checker: LeafChecker;
  readonly bytesFrom = { pool: 0, peer: 0 };
  private readonly chooser: LeafChooser;
  private readonly verified = new Set<number>();
  private readonly places: Map<number, number>;
  private readonly open = new Set<string>();
  private readonly wants = new Map<number, Want>();
  private readonly ranges = new Set<Range>();
  private waiting: (() => void)[] = [];
  private swarm: Swarm | null = null;
  private over = false;

  constructor(
    private readonly plan: FilePlan,
    private readonly target: Uint8Array,
    private readonly options: FetchOptions,
  ) {
    this.places = new Map(plan.leaves.map(({ offset }, i) => [offset, i]));
    this.checker = new LeafChecker(target, (leaf, bytes) => this.good(leaf, bytes));
    this.chooser = new LeafChooser({
      sizes: plan.leaves.map(({ size }) => size),
      mostAtOnce: kRange,
      lanes: options.lanes,
      quickly: options.swarms ? kQuickly : Infinity,
      start: options.start ?? 0,
      openAtPeer: kOpenAtPeer,
      openAtPool: kOpenAtPool,
      patience: kPatience,
    });
  }

  /** All leaves came; those that the pool sent may still be wrong, see `checker`. */
  async run(): Promise<void> {
    for (const leaf of this.plan.leaves) if (leaf.size === 0) this.checker.check(leaf);
    this.tick();
    this.swarm = this.options.swarms?.join(this.plan.cid.text, this) ?? null;
    try {
      await Promise.all(Array.from({ length: this.options.lanes }, () => this.lane()));
    } finally {
      this.over = true;
      this.swarm?.leave();
      this.notify(); // After a failure no lane begins another request.
    }
  }

  private async lane(): Promise<void> {
    while (!this.over && !this.chooser.done) {
      const any = await this.options.turns.take(this.options.rank, () => this.fromPool());
      if (!any && !this.over && !this.chooser.done) await this.changed();
    }
  }

  private async fromPool(): Promise<boolean> {
    const { now, turns, lanes } = this.options;
    const range = this.over ? null : this.nextRange();
    if (!range) return false;
    this.ranges.add(range);
    try {
      await this.wholeRange(range);
    } finally {
      this.ranges.delete(range);
    }
    let bytes = 0;
    for (let leaf = range.first; leaf < range.end; ++leaf) {
      this.chooser.came(leaf, now());
      bytes += this.plan.leaves[leaf]?.size ?? 0;
    }
    this.bytesFrom.pool += bytes;
    const quick = now() - range.begun <= Math.max(kAtOnce, bytes / kQuickLine);
    turns.limit(quick && !this.chooser.shares ? 1 : lanes);
    this.notify();
    await this.checker.room();
    return true;
  }

  private nextRange(): Range | null {
    const now = this.options.now();
    const next = this.chooser.nextFromPool(now, this.options.turns.atOnce) ?? this.partOfSlow(now);
    const first = this.plan.leaves[next?.first ?? -1];
    return next && first ? { ...next, begun: now, at: first.offset } : null;
  }

  /** The second half of what a request has still to bring, where that takes it long. */
  private partOfSlow(now: number): { first: number; end: number } | null {
    if (this.chooser.shares || !this.chooser.allAsked) return null;
    for (const range of this.ranges) {
      if (now - range.begun < kSlow) continue;
      let next = range.first; // The first leaf of which no byte came.
      while (next < range.end && (this.plan.leaves[next]?.offset ?? 0) < range.at) next += 1;
      const { end } = range;
      if (end - next < 2 * kWorthwhile) continue;
      range.end = end - ((end - next) >> 1);
      return { first: range.end, end };
    }
    return null;
  }

  /** Where in the file the range ends, by now. */
  private endOf({ end }: Range): number {
    const last = this.plan.leaves[end - 1];
    return last ? last.offset + last.size : 0;
  }

  /** Where the line breaks the rest is asked for again; what came is not. */
  private async wholeRange(range: Range): Promise<void> {
    const sink = this.checker.sinkFrom(this.plan, range.first);
    const onPiece = (piece: Uint8Array): boolean => {
      const left = this.endOf(range) - range.at;
      const wanted = piece.length > left ? piece.subarray(0, left) : piece;
      range.at += wanted.length;
      sink(wanted);
      return wanted.length < left;
    };
    for (let tries = 1; range.at < this.endOf(range); ++tries) {
      try {
        const end = this.endOf(range);
        await this.options.source.range(this.plan.cid, range.at, end, false, onPiece);
        return;
      } catch (thrown) {
        const broke = thrown instanceof PoolError && thrown.category === 'fetch';
        if (!broke || tries === kTries || this.over) throw thrown;
        this.options.log('warning', `${thrown.message}: the rest is asked for again`);
      }
      await new Promise<void>((resolve) => this.options.later(resolve, tries * kPause));
    }
  }

  // From the page.

  told(self: string, peers: readonly string[]): void {
    this.chooser.told(self, peers, this.options.now());
    this.notify();
  }

  opened(peer: string): void {
    if (this.open.has(peer)) return;
    this.open.add(peer);
    this.chooser.peerOpened(peer);
    this.swarm?.say(peer, { type: 'who', cid: this.plan.cid.text });
    this.sayWhatIsHere(peer);
  }

  closed(peer: string): void {
    this.open.delete(peer);
    for (const [id, want] of this.wants) if (want.peer === peer) this.wants.delete(id);
    this.chooser.peerClosed(peer);
    this.askPeers();
    this.notify();
  }

  message(peer: string, message: PeerMessage): void {
    switch (message.type) {
      case 'who':
        this.sayWhatIsHere(peer);
        return;
      case 'have':
        this.chooser.peerHas(peer, message.leaves, this.options.now());
        this.askPeers();
        return;
      case 'want':
        this.give(peer, message);
        return;
      case 'none': {
        const want = this.wants.get(message.id);
        if (want?.peer !== peer) return;
        this.wants.delete(message.id);
        this.chooser.peerLacks(peer, want.leaf);
        this.askPeers();
        this.notify();
      }
    }
  }

  piece(peer: string, { id, offset, bytes }: Piece): void {
    const want = this.wants.get(id);
    if (want?.peer !== peer) return;
    if (offset + bytes.length > want.bytes.length) {
      this.drop(peer, 'gave more than was asked for');
      return;
    }
    want.bytes.set(bytes, offset);
    want.got += bytes.length;
    want.since = this.options.now();
    if (want.got < want.bytes.length) return;
    this.wants.delete(id);
    void this.arrived(want);
  }

  private async arrived({ peer, leaf: index, bytes }: Want): Promise<void> {
    const leaf = this.plan.leaves[index];
    if (!leaf) return;
    const right = await matchesDigest(bytes, leaf.cid.digest);
    if (this.over) return;
    if (!right) {
      this.chooser.failed(index);
      this.drop(peer, `gave a wrong leaf (${leaf.cid.text})`);
      return;
    }
    if (this.chooser.came(index, this.options.now())) {
      this.target.set(bytes, leaf.offset);
      this.bytesFrom.peer += leaf.size;
      this.good(leaf, this.target.subarray(leaf.offset, leaf.offset + leaf.size));
    }
    this.askPeers();
    this.notify();
  }

  /** For good: whatever else it has to say is not heard. */
  private drop(peer: string, why: string): void {
    this.options.log('warning', `${peer} ${why}: the rest comes from elsewhere`);
    this.swarm?.drop(peer);
    this.chooser.ban(peer);
    this.closed(peer);
  }

  private good(leaf: Leaf, bytes: Uint8Array): void {
    const index = this.places.get(leaf.offset);
    this.options.onGood(leaf, bytes);
    if (index === undefined || leaf.size === 0) return;
    this.verified.add(index);
    if (this.open.size === 0 || this.over) return;
    this.swarm?.say(null, { type: 'have', cid: this.plan.cid.text, leaves: [index] });
  }

  private sayWhatIsHere(peer: string): void {
    if (this.verified.size === 0) return;
    const leaves = [...this.verified];
    this.swarm?.say(peer, { type: 'have', cid: this.plan.cid.text, leaves });
  }

  private give(peer: string, want: Extract<PeerMessage, { type: 'want' }>): void {
    const index = this.places.get(want.offset);
    const leaf = this.plan.leaves[index ?? -1];
    if (index === undefined || leaf?.size !== want.size || !this.verified.has(index)) {
      this.swarm?.say(peer, { type: 'none', id: want.id });
      return;
    }
    this.swarm?.give(peer, want.id, this.target.subarray(leaf.offset, leaf.offset + leaf.size));
  }

  private askPeers(): void {
    if (!this.swarm || this.over) return;
    for (const peer of this.open) {
      for (;;) {
        const index = this.chooser.nextFromPeer(peer);
        const leaf = this.plan.leaves[index ?? -1];
        if (index === null || !leaf) break;
        const id = this.swarm.nextId();
        const bytes = new Uint8Array(leaf.size);
        const now = this.options.now();
        this.wants.set(id, { peer, leaf: index, bytes, got: 0, begun: now, since: now });
        const { offset, size } = leaf;
        this.swarm.say(peer, { type: 'want', id, cid: this.plan.cid.text, offset, size });
      }
    }
  }

  /** Patience is over at some time, without anything happening. */
  private tick(): void {
    this.options.later(() => {
      if (this.over) return;
      const now = this.options.now();
      for (const [id, { peer, begun, since, leaf }] of [...this.wants]) {
        if (!this.wants.has(id)) continue; // It went with its page.
        if (now - since >= kPeerPatience) {
          this.chooser.failed(leaf);
          this.drop(peer, `gave nothing for ${kPeerPatience / 1000} s`);
        } else if (now - begun >= kLeafPatience) {
          this.wants.delete(id);
          this.chooser.failed(leaf);
        }
      }
      const slow = [...this.ranges].some((range) => now - range.begun >= kSlow);
      if (slow) this.options.turns.limit(this.options.lanes);
      this.notify();
      this.tick();
    }, kTick);
  }

  private changed(): Promise<void> {
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  private notify(): void {
    for (const resolve of this.waiting.splice(0)) resolve();
  }
}
