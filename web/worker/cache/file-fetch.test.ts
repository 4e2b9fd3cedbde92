import { beforeEach, describe, expect, it } from 'vitest';
// @ts-expect-error A tool of the development server, in plain JavaScript.
import { importFile } from '../../dev/unixfs.mjs';
import { PoolError } from '../error';
import type { Swarm, SwarmListener, Swarms } from '../peers/file-peers';
import type { PeerMessage } from '../peers/peer-messages';
import { parseCid } from './cid';
import { FakeSource } from './fakes.test-util';
import { type FetchOptions, FileFetch } from './file-fetch';
import { type FilePlan, planFile } from './file-plan';
import { Turns } from './turns';

const kMiB = 1048576;
const file = new Uint8Array(12 * kMiB + 5).map((_, i) => (i * 31 + (i >> 8)) & 0xff);
const { cid, blocks } = importFile(file) as { cid: string; blocks: Map<string, Uint8Array> };

/** Another page that has the whole file, and gives it as the test says. */
class FakePeers implements Swarms {
  listener: SwarmListener | null = null;
  readonly said: [string | null, PeerMessage][] = [];
  readonly given: [string, number, Uint8Array][] = [];
  readonly dropped: string[] = [];
  left = false;
  /** That the pool had named when the fetching began. */
  known: string[] = [];
  /** What the page gives for a leaf; null: nothing at all. */
  answer: (offset: number, size: number) => Uint8Array | null = (offset, size) =>
    file.slice(offset, offset + size);

  join(_: string, listener: SwarmListener): Swarm {
    this.listener = listener;
    if (this.known.length > 0) listener.told('self', this.known);
    let id = 100;
    return {
      say: (peer, message) => {
        this.said.push([peer, message]);
        if (message.type !== 'want' || peer === null) return;
        const bytes = this.answer(message.offset, message.size);
        if (!bytes) return;
        queueMicrotask(() => {
          for (let at = 0; at < bytes.length; at += 200_000) {
            const piece = bytes.subarray(at, at + 200_000);
            listener.piece(peer, { id: message.id, offset: at, bytes: piece });
          }
        });
      },
      nextId: () => id++,
      give: (peer, number, leaf) => void this.given.push([peer, number, leaf.slice()]),
      drop: (peer) => void this.dropped.push(peer),
      leave: () => (this.left = true),
    };
  }
}

describe('FileFetch', () => {
  let plan: FilePlan;
  let target: Uint8Array;
  let source: FakeSource;
  let peers: FakePeers;
  let log: string[];
  let good: number[];
  let clock: number;
  let late: (() => void)[];
  let options: FetchOptions;
  let fetch: FileFetch;

  beforeEach(async () => {
    source = new FakeSource(new Map([[cid, file]]), blocks);
    plan = await planFile(parseCid(cid), file.length, (node) => source.block(node));
    source.asked.length = 0;
    target = new Uint8Array(file.length);
    peers = new FakePeers();
    log = [];
    good = [];
    clock = 0;
    late = [];
    options = {
      source,
      turns: new Turns(5),
      lanes: 5,
      rank: 0,
      swarms: peers,
      onGood: (leaf) => void good.push(leaf.offset / kMiB),
      log: (_, message) => void log.push(message),
      now: () => clock,
      later: (work) => void late.push(work),
    };
    fetch = new FileFetch(plan, target, options);
  });

  const expectWhole = async (): Promise<void> => {
    expect(await fetch.checker.settle()).toEqual([]);
    expect(Buffer.compare(target, file)).toBe(0);
    expect(good.sort((a, b) => a - b)).toEqual([...Array(13).keys()]);
    expect(fetch.bytesFrom.pool + fetch.bytesFrom.peer).toBe(file.length);
    expect(peers.left).toBe(true);
  };

  /** Other pages are there and have everything. */
  const runWith = (...names: string[]): Promise<void> => {
    peers.known = names;
    const run = fetch.run();
    for (const name of names) {
      peers.listener!.opened(name);
      peers.listener!.message(name, { type: 'have', cid, leaves: 'all' });
    }
    return run;
  };

  it('fetches all from the pool where there is nobody', async () => {
    await fetch.run();
    await expectWhole();
    expect(fetch.bytesFrom.peer).toBe(0);
    expect(source.asked[0]).toBe(`range 0-${kMiB}`); // Others may come, so the first is small.
  });

  it('takes from another page what it has', async () => {
    await runWith('b');
    await expectWhole();
    // Its own share came from the pool, or was on its way.
    expect(fetch.bytesFrom.peer).toBeGreaterThan(3 * kMiB);
    expect(peers.said.slice(0, 1)).toEqual([['b', { type: 'who', cid }]]);
  });

  it('takes nothing more of a page that gave a wrong leaf', async () => {
    peers.answer = (offset, size) => {
      const bytes = file.slice(offset, offset + size);
      bytes[size - 1]! ^= 1;
      return bytes;
    };
    await runWith('b');
    await expectWhole();
    expect(fetch.bytesFrom.peer).toBe(0);
    expect(peers.dropped).toEqual(['b']);
    expect(log).toEqual([expect.stringMatching(/^b gave a wrong leaf \(bafkrei\w+\)/)]);
  });

  it('takes nothing of a page that gives more than it was asked for', async () => {
    peers.answer = (_, size) => new Uint8Array(size + 1);
    await runWith('b');
    await expectWhole();
    expect(peers.dropped).toEqual(['b']);
  });

  it('does not wait for ever for a page that gives nothing', async () => {
    peers.answer = () => null;
    const run = runWith('b');
    const wanted = (): number => peers.said.filter(([, { type }]) => type === 'want').length;
    while (wanted() < 2 || source.inFlight > 0) await new Promise((resolve) => setTimeout(resolve));
    clock = 10_000;
    for (const work of late.splice(0)) work();
    await run;
    await expectWhole();
    expect(peers.dropped).toEqual(['b']);
    expect(log[0]).toContain('gave nothing');
  });

  it('asks the pool for what went with a page, and for what a page lacks after all', async () => {
    peers.answer = () => null;
    const run = runWith('b', 'c');
    for (const [peer, message] of [...peers.said]) {
      if (message.type === 'want' && peer === 'b') {
        peers.listener!.message('b', { type: 'none', id: message.id });
      }
    }
    peers.listener!.closed('c');
    peers.listener!.closed('b');
    peers.listener!.told('self', []);
    await run;
    await expectWhole();
    expect(peers.dropped).toEqual([]);
  });

  it('gives what it has verified, and nothing else', async () => {
    source.hold = true;
    peers.known = ['b'];
    const run = fetch.run();
    peers.listener!.opened('b');
    const want = { type: 'want', id: 7, cid, offset: kMiB, size: kMiB } as const;
    peers.listener!.message('b', want);
    expect(peers.said.at(-1)).toEqual(['b', { type: 'none', id: 7 }]);
    source.release();
    while (!good.includes(1)) {
      clock += 1000; // Nobody brings the others' share.
      for (const work of late.splice(0)) work();
      await new Promise((resolve) => setTimeout(resolve));
    }
    peers.listener!.message('b', want);
    const [[to, id, leaf] = ['', 0, new Uint8Array()]] = peers.given;
    expect([to, id]).toEqual(['b', 7]);
    expect(Buffer.compare(leaf, file.subarray(kMiB, 2 * kMiB))).toBe(0);
    expect(peers.said).toContainEqual([null, { type: 'have', cid, leaves: [1] }]);
    for (;;) {
      clock += 1000;
      for (const work of late.splice(0)) work();
      const done = await Promise.race([
        run.then(() => true),
        new Promise<boolean>((resolve) => setTimeout(() => resolve(false))),
      ]);
      if (done) break;
    }
    await expectWhole();
  });

  it('asks for the rest where the line breaks, and gives up where it always does', async () => {
    const whole = source.range.bind(source);
    let breaks = 2;
    source.range = async (of, start, end, fresh, sink) => {
      if (breaks-- <= 0) return whole(of, start, end, fresh, sink);
      await whole(of, start, start + 1000, fresh, sink);
      throw new PoolError('fetch', 'reading broke off');
    };
    const passing = setInterval(() => late.splice(0).forEach((work) => work()));
    await fetch.run();
    await expectWhole();
    expect(source.asked.slice(0, 2).sort()).toEqual(['range 0-1000', `range ${kMiB}-${kMiB + 1000}`]);
    expect(source.asked).toContain(`range 1000-${kMiB}`);
    expect(log).toHaveLength(2);

    breaks = Infinity;
    fetch = new FileFetch(plan, target, { ...options, lanes: 1 });
    const before = source.asked.length;
    await expect(fetch.run()).rejects.toMatchObject({ category: 'fetch' });
    expect(source.asked).toHaveLength(before + 4);
    clearInterval(passing);
  });

  it('leaves half of a slow request to another', async () => {
    options = { ...options, turns: new Turns(1), swarms: null };
    fetch = new FileFetch(plan, target, options);
    const whole = source.range.bind(source);
    let go = (): void => undefined;
    const stuck = new Promise<void>((resolve) => (go = resolve));
    source.range = async (of, start, end, fresh, sink) => {
      if (start > 0) return whole(of, start, end, fresh, sink);
      await whole(of, 0, kMiB + 1, fresh, sink);
      await stuck;
      return whole(of, kMiB + 1, end, fresh, sink);
    };
    const run = fetch.run();
    const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));
    await settled();
    expect(source.asked).toEqual([`range 0-${kMiB + 1}`]);
    clock = 1000;
    for (const work of late.splice(0)) work();
    await settled();
    // Of the eleven leaves that did not begin to come.
    expect(source.asked.slice(1)).toEqual([`range ${8 * kMiB}-${file.length}`]);
    go();
    await run;
    peers.left = true; // It was never joined.
    await expectWhole();
  });

  it('ends where the pool fails', async () => {
    source = new FakeSource(new Map(), blocks);
    fetch = new FileFetch(plan, target, {
      source,
      turns: new Turns(5),
      lanes: 5,
      rank: 0,
      swarms: peers,
      onGood: () => undefined,
      log: () => undefined,
      now: () => clock,
      later: () => undefined,
    });
    await expect(fetch.run()).rejects.toMatchObject({ category: 'not_found' });
    expect(peers.left).toBe(true);
  });
});
