// Which leaf of a file a page asks from whom, while other pages fetch the same file. Pure.
//
// Each leaf has one owner among the pages, found by a hash that all of them compute alike: the owner
// gets it from the pool, the others from whoever has it. So the pool sends each leaf about once, and
// nobody has to agree with anybody. Of what another page can give, the leaf that the fewest have
// comes first. Where a page has its own share, and the others give nothing for a while, it asks the
// pool for the rest.

const enum State {
  Missing,
  Asked,
  There,
}

const kRemembered = 9;
const kWorthwhile = 4; // Leaves: for fewer a request of their own is not worth its cost.

/** A number from 0 to 2^32 - 1, the same in every page. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; ++i) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  // The last letters would hardly move the high bits otherwise.
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

export interface ChooserOptions {
  /** Sizes of the leaves, in the file's order. */
  sizes: readonly number[];
  /** Bytes of one request to the pool at most, while nobody shares: each costs a browser some ms. */
  mostAtOnce: number;
  /** Requests to the pool at once. None is for much more than its part of what is missing, so that
   * all end together. */
  lanes: number;
  /**
   * ms that such a request may take, where that can be: the first is for one leaf, and the next ones
   * for more while those before come faster. When others begin to share little is on the way then.
   * Infinity: nobody can.
   */
  quickly: number;
  /** The leaf to begin with. Pages that begin at different ones soon have something to share. */
  start: number;
  /** Leaves asked of one page and not there yet, at most. */
  openAtPeer: number;
  /** The same of the pool, while others share: the sooner the first ones come, the sooner they can
   * be passed on. Also while it has not sent a leaf `quickly`. */
  openAtPool: number;
  /**
   * ms without a word of the others after which the pool is asked for what they should have brought;
   * longer where the pool itself takes long for a leaf, because then it does for them too.
   */
  patience: number;
}

export class LeafChooser {
  private readonly states: State[];
  /** Leaves that came wrong from a page, or did not come: only the pool is asked again. */
  private readonly poolOnly = new Set<number>();
  private readonly banned = new Set<string>();
  private self = '';
  /** All that fetch or have the file, this page among them; empty: nobody shares. */
  private members: string[] = [];
  /** By leaf: of several that would do, the page takes that of the lowest. */
  private ties: number[] = [];
  private readonly owners: (string | undefined)[] = [];
  private readonly peers = new Map<string, { has: Set<number>; asked: Set<number> }>();
  private readonly holders: number[];
  private missing: number;
  /** Leaves that the pool was asked for, and when. */
  private readonly fromPool = new Map<number, number>();
  /** ms that the pool took for the latest leaves, the latest last. */
  private readonly took: number[] = [];
  private leavesAtOnce: number;
  private lastNews = 0;
  /** No other page has been connected since then. */
  private aloneSince = 0;

  constructor(private readonly options: ChooserOptions) {
    this.states = options.sizes.map((size) => (size === 0 ? State.There : State.Missing));
    this.holders = options.sizes.map(() => 0);
    this.leavesAtOnce = options.quickly === Infinity ? Infinity : 1;
    this.missing = this.states.filter((state) => state !== State.There).length;
  }

  /** Every leaf is there. */
  get done(): boolean {
    return this.missing === 0;
  }

  /** Nothing is left to ask anybody for. */
  get allAsked(): boolean {
    return !this.states.includes(State.Missing);
  }

  get shares(): boolean {
    return this.members.length > 1;
  }

  /** `peers`: the others that fetch the file or have it, as the pool tells. */
  told(self: string, peers: readonly string[], now: number): void {
    if (!this.shares) this.lastNews = this.aloneSince = now;
    if (self !== this.self) this.ties = this.states.map((_, leaf) => hashOf(`${self}/${leaf}`));
    this.self = self;
    this.members = [self, ...peers.filter((peer) => !this.banned.has(peer))];
    this.owners.length = 0;
  }

  /** It is talked to no more, and nothing is expected of it. */
  ban(peer: string): void {
    this.peerClosed(peer);
    this.banned.add(peer);
    this.members = this.members.filter((member) => member !== peer);
    this.owners.length = 0;
  }

  peerOpened(peer: string): void {
    if (this.banned.has(peer) || this.peers.has(peer)) return;
    this.peers.set(peer, { has: new Set(), asked: new Set() });
  }

  /** What was asked of it is missing again. */
  peerClosed(peer: string): void {
    const gone = this.peers.get(peer);
    if (!gone) return;
    this.peers.delete(peer);
    for (const leaf of gone.has) this.holders[leaf]! -= 1;
    for (const leaf of gone.asked) this.missAgain(leaf);
  }

  peerHas(peer: string, leaves: Iterable<number> | 'all', now: number): void {
    const { has } = this.peers.get(peer) ?? {};
    if (!has) return;
    for (const leaf of leaves === 'all' ? this.states.keys() : leaves) {
      if (leaf >= this.states.length || has.has(leaf)) continue;
      has.add(leaf);
      this.holders[leaf]! += 1;
      this.lastNews = now;
    }
  }

  /** It can't give the leaf, for now. */
  peerLacks(peer: string, leaf: number): void {
    const lacking = this.peers.get(peer);
    if (!lacking) return;
    if (lacking.has.delete(leaf)) this.holders[leaf]! -= 1;
    if (lacking.asked.delete(leaf)) this.missAgain(leaf);
  }

  /** It was asked of a page and did not come, or came wrong. */
  failed(leaf: number): void {
    this.poolOnly.add(leaf);
    for (const { asked } of this.peers.values()) if (asked.delete(leaf)) this.missAgain(leaf);
  }

  /** The leaf came. False where it was there already. */
  came(leaf: number, now: number): boolean {
    for (const { asked } of this.peers.values()) asked.delete(leaf);
    const asked = this.fromPool.get(leaf);
    if (asked !== undefined) this.answered(now - asked);
    this.fromPool.delete(leaf);
    if (this.states[leaf] === State.There) return false;
    this.states[leaf] = State.There;
    this.missing -= 1;
    this.lastNews = now;
    return true;
  }

  /** A leaf to ask that page for; it counts as asked. Null: none, for now. */
  nextFromPeer(peer: string): number | null {
    const from = this.peers.get(peer);
    if (!from || from.asked.size >= this.options.openAtPeer) return null;
    const leaf = this.best(
      (leaf) => from.has.has(leaf) && !this.poolOnly.has(leaf),
      (leaf) => this.holders[leaf] ?? 0,
    );
    if (leaf === null) return null;
    from.asked.add(leaf);
    this.states[leaf] = State.Asked;
    return leaf;
  }

  /**
   * Leaves [first, end) to ask the pool for; they count as asked. Null: none, for now. `lanes`:
   * requests to the pool at once, where that is less than it can be.
   */
  nextFromPool(now: number, lanes = this.options.lanes): { first: number; end: number } | null {
    // On a slow line more requests bring nothing sooner, but keep all else waiting: what the page
    // itself needs, and what others may soon give.
    const few = this.shares || this.leavesAtOnce === 1;
    const patience = Math.max(this.options.patience, 2 * this.usual);
    const late = this.took.length > 0 ? 2 * patience : Infinity;
    const open = [...this.fromPool.values()].filter((asked) => now - asked < late).length;
    if (few && open >= this.options.openAtPool) return null;
    if (!this.shares) return this.consecutive(now, lanes);
    const own = this.best(
      (leaf) => this.poolOnly.has(leaf) || (this.isMine(leaf) && this.holders[leaf] === 0),
      () => 0,
    );
    if (own !== null) return this.ask(own, own + 1, now);
    // Connected to nobody it can expect nothing of anybody.
    if (this.peers.size > 0) this.aloneSince = now;
    else if (now - this.aloneSince >= this.options.patience) return this.consecutive(now, lanes);
    // While the pool still sends its share nothing would be won by asking for more.
    if (open > 0 || now - this.lastNews < patience) return null;
    const rarest = this.best(() => true, (leaf) => this.holders[leaf] ?? 0);
    return rarest === null ? null : this.ask(rarest, rarest + 1, now);
  }

  /** ms that the pool usually takes for a leaf. Not the mean: where many share a line now and then
   * one connection gets next to nothing, for minutes. */
  private get usual(): number {
    return [...this.took].sort((a, b) => a - b)[this.took.length >> 1] ?? 0;
  }

  private answered(ms: number): void {
    this.took.push(ms);
    if (this.took.length > kRemembered) this.took.shift();
    this.leavesAtOnce = ms < this.options.quickly ? 2 * this.leavesAtOnce : 1;
  }

  private missAgain(leaf: number): void {
    if (this.states[leaf] === State.Asked) this.states[leaf] = State.Missing;
  }

  private ask(first: number, end: number, now: number): { first: number; end: number } {
    for (let leaf = first; leaf < end; ++leaf) {
      this.states[leaf] = State.Asked;
      this.fromPool.set(leaf, now);
    }
    return { first, end };
  }

  private consecutive(now: number, lanes: number): { first: number; end: number } | null {
    let first = this.states.indexOf(State.Missing, this.options.start);
    if (first < 0) first = this.states.indexOf(State.Missing);
    if (first < 0) return null;
    let end = first;
    let bytes = 0;
    const missing = this.states.filter((state) => state === State.Missing).length;
    const part = Math.max(kWorthwhile, Math.ceil(missing / lanes));
    const most = Math.min(this.leavesAtOnce, part);
    while (this.states[end] === State.Missing && end - first < most) {
      bytes += this.options.sizes[end] ?? 0;
      if (end > first && bytes > this.options.mostAtOnce) break;
      end += 1;
    }
    return this.ask(first, end, now);
  }

  /** Of the missing leaves that fit, one of the lowest rank; of several one that is this page's own
   * choice, so that pages don't all ask for the same. */
  private best(fits: (leaf: number) => boolean, rank: (leaf: number) => number): number | null {
    let best: number | null = null;
    let lowest = Infinity;
    let tie = Infinity;
    this.states.forEach((state, leaf) => {
      if (state !== State.Missing || !fits(leaf)) return;
      const [mine, ties] = [rank(leaf), this.ties[leaf] ?? leaf];
      if (mine > lowest || (mine === lowest && ties >= tie)) return;
      best = leaf;
      lowest = mine;
      tie = ties;
    });
    return best;
  }

  /** Of all members the one whose hash with the leaf is the highest: when one comes or goes, only
   * its own leaves change hands. */
  private isMine(leaf: number): boolean {
    let owner = this.owners[leaf];
    if (owner === undefined) {
      owner = this.members.reduce((best, member) =>
        hashOf(`${leaf}@${member}`) > hashOf(`${leaf}@${best}`) ? member : best,
      );
      this.owners[leaf] = owner;
    }
    return owner === this.self;
  }
}
