import { describe, expect, it } from 'vitest';
import { LeafChooser } from './leaf-chooser';

const kMiB = 1048576;

function chooser(leaves: number, size = kMiB, more = {}): LeafChooser {
  return new LeafChooser({
    sizes: new Array<number>(leaves).fill(size),
    mostAtOnce: 4 * kMiB,
    lanes: 1,
    quickly: 500,
    start: 0,
    openAtPeer: 2,
    openAtPool: 2,
    patience: 2000,
    ...more,
  });
}

describe('LeafChooser', () => {
  it('asks the pool for large ranges while nobody shares', () => {
    const one = chooser(9, kMiB, { quickly: Infinity });
    expect(one.nextFromPool(0)).toEqual({ first: 0, end: 4 });
    expect(one.nextFromPool(0)).toEqual({ first: 4, end: 8 });
    expect(one.nextFromPool(0)).toEqual({ first: 8, end: 9 });
    expect(one.nextFromPool(0)).toBeNull();
    for (let leaf = 0; leaf < 9; ++leaf) expect(one.came(leaf, 0)).toBe(true);
    expect(one.came(3, 0)).toBe(false);
    expect(one.done).toBe(true);
  });

  it('asks for little more than a part of what is missing, so that all requests end together', () => {
    const one = chooser(32, kMiB, { quickly: Infinity, mostAtOnce: 64 * kMiB, lanes: 4 });
    const sizes: number[] = [];
    for (let next = one.nextFromPool(0); next; next = one.nextFromPool(0)) {
      sizes.push(next.end - next.first);
    }
    expect(sizes).toEqual([8, 6, 5, 4, 4, 4, 1]);
  });

  it('begins with one leaf, anywhere, and asks for more while they come quickly', () => {
    const one = chooser(12, kMiB, { start: 5 });
    expect(one.nextFromPool(0)).toEqual({ first: 5, end: 6 });
    one.came(5, 100);
    expect(one.nextFromPool(100)).toEqual({ first: 6, end: 8 });
    one.came(6, 200);
    one.came(7, 200);
    expect(one.nextFromPool(200)).toEqual({ first: 8, end: 12 });
    for (const leaf of [8, 9, 10, 11]) one.came(leaf, 900);
    expect(one.nextFromPool(900)).toEqual({ first: 0, end: 1 });
  });

  it('asks for two leaves at a time until one came quickly', () => {
    const one = chooser(12);
    expect(one.nextFromPool(0)).toEqual({ first: 0, end: 1 });
    expect(one.nextFromPool(0)).toEqual({ first: 1, end: 2 });
    expect(one.nextFromPool(0)).toBeNull();
    one.came(0, 3000);
    expect(one.nextFromPool(3000)).toEqual({ first: 2, end: 3 });
    expect(one.nextFromPool(3000)).toBeNull();
    one.came(2, 3200);
    expect(one.nextFromPool(3200)).toEqual({ first: 3, end: 5 });
    expect(one.nextFromPool(3200)).toEqual({ first: 5, end: 7 });
  });

  it('needs nothing of an empty file', () => expect(chooser(1, 0).done).toBe(true));

  it('asks the pool for its own share only, while others bring the rest', () => {
    const leaves = 60;
    const [a, b, c] = ['a.1', 'b.2', 'c.3'].map((self) => {
      const one = chooser(leaves);
      one.told(self, ['a.1', 'b.2', 'c.3'].filter((other) => other !== self), 0);
      const asked: number[] = [];
      for (let next = one.nextFromPool(0); next; next = one.nextFromPool(0)) {
        asked.push(next.first);
        one.came(next.first, 0);
      }
      return asked;
    }) as [number[], number[], number[]];
    expect([...a, ...b, ...c].sort((x, y) => x - y)).toEqual([...Array(leaves).keys()]);
    for (const share of [a, b, c]) expect(share.length).toBeGreaterThan(10);
  });

  it('asks a page for the leaf that the fewest have, and for two at a time', () => {
    const one = chooser(4);
    one.told('self', ['a', 'b', 'c'], 0);
    for (const peer of ['a', 'b', 'c']) one.peerOpened(peer);
    one.peerHas('a', [0, 1, 2], 0);
    one.peerHas('b', [1, 2], 0);
    one.peerHas('c', [2], 0);
    expect(one.nextFromPeer('a')).toBe(0);
    expect(one.nextFromPeer('a')).toBe(1);
    expect(one.nextFromPeer('a')).toBeNull();
    expect(one.nextFromPeer('b')).toBe(2);
    expect(one.nextFromPeer('c')).toBeNull();
    one.came(0, 5);
    expect(one.nextFromPeer('a')).toBeNull(); // The others are asked for.
    one.peerLacks('b', 2);
    expect(one.nextFromPeer('b')).toBeNull();
    expect(one.nextFromPeer('c')).toBe(2);
  });

  it('asks others, and not the pool, for what they have of its own share', () => {
    const one = chooser(20);
    one.told('self', ['a'], 0);
    one.peerOpened('a');
    one.peerHas('a', 'all', 0);
    expect(one.nextFromPool(0)).toBeNull();
    expect(one.nextFromPeer('a')).not.toBeNull();
  });

  it('asks the pool for a leaf that came wrong, and for what went with a page', () => {
    const one = chooser(2);
    one.told('self', ['a'], 0);
    one.peerOpened('a');
    one.peerHas('a', 'all', 0);
    const [first, second] = [one.nextFromPeer('a')!, one.nextFromPeer('a')!];
    one.failed(first);
    expect(one.nextFromPeer('a')).toBeNull();
    expect(one.nextFromPool(0)).toEqual({ first, end: first + 1 });
    one.peerClosed('a');
    one.told('self', [], 0);
    expect(one.nextFromPool(0)).toEqual({ first: second, end: second + 1 });
  });

  it('expects nothing of a page that is banned', () => {
    const one = chooser(30);
    one.told('self', ['a'], 0);
    one.peerOpened('a');
    one.peerHas('a', 'all', 0);
    const asked = one.nextFromPeer('a')!;
    one.ban('a');
    one.peerOpened('a');
    one.peerHas('a', 'all', 0);
    expect(one.nextFromPeer('a')).toBeNull();
    one.told('self', ['a'], 0);
    const all: number[] = [];
    for (let next = one.nextFromPool(0); next; next = one.nextFromPool(0)) {
      for (let leaf = next.first; leaf < next.end; ++leaf) {
        all.push(leaf);
        one.came(leaf, 0);
      }
    }
    expect(one.shares).toBe(false);
    expect(all).toContain(asked);
    expect(all).toHaveLength(30);
  });

  it('takes all from the pool where the others bring nothing', () => {
    const one = chooser(30);
    one.told('self', ['a', 'b'], 1000);
    const all = (now: number): number => {
      let count = 0;
      for (let next = one.nextFromPool(now); next; next = one.nextFromPool(now)) {
        for (let leaf = next.first; leaf < next.end; ++leaf, ++count) one.came(leaf, 1000);
      }
      return count;
    };
    const own = all(2999);
    expect(own).toBeGreaterThan(0);
    expect(own).toBeLessThan(30);
    expect(all(2999)).toBe(0);
    expect(own + all(3000)).toBe(30);
  });

  it('does not wait for others where it could connect to none', () => {
    const one = chooser(30);
    one.told('self', ['a', 'b'], 1000);
    for (let next = one.nextFromPool(1000); next; next = one.nextFromPool(1000)) {
      one.came(next.first, 2000); // Its own share.
    }
    expect(one.nextFromPool(2900)).toBeNull();
    const [first, second] = [one.nextFromPool(3000)!, one.nextFromPool(3000)!];
    expect(first.end).toBe(first.first + 1);
    expect(one.nextFromPool(3000)).toBeNull();
    one.came(first.first, 4000);
    expect(one.nextFromPool(4000)).not.toBeNull(); // At once, though others are there.
    one.came(second.first, 4000);
    one.peerOpened('a');
    expect(one.nextFromPool(4000)).toBeNull();
  });

  it('counts a leaf no more that takes far longer than others', () => {
    const one = chooser(60);
    one.told('self', ['a'], 0);
    one.peerOpened('a');
    const stuck = one.nextFromPool(0)!;
    for (let now = 0; now < 16_000; now += 4000) {
      const next = one.nextFromPool(now)!;
      expect(one.nextFromPool(now)).toBeNull();
      one.came(next.first, now + 4000);
    }
    const more = [one.nextFromPool(16_000)!, one.nextFromPool(16_000)!];
    expect(more.map(({ first }) => first)).not.toContain(stuck.first);
    expect(one.nextFromPool(16_000)).toBeNull();
  });

  it('is as patient as the pool is slow, and asks it for two leaves at a time', () => {
    const one = chooser(30);
    one.told('self', ['a'], 0);
    one.peerOpened('a');
    const [first, second] = [one.nextFromPool(0)!, one.nextFromPool(0)!];
    expect(one.nextFromPool(90_000)).toBeNull();
    one.came(first.first, 8000);
    one.came(second.first, 8000);
    let now = 8000;
    for (let next = one.nextFromPool(now); next; next = one.nextFromPool(now)) {
      now += 8000;
      one.came(next.first, now);
    }
    now += 15_999;
    expect(one.nextFromPool(now)).toBeNull();
    one.peerHas('a', [29], now);
    now += 15_999;
    expect(one.nextFromPool(now)).toBeNull();
    now += 1;
    expect(one.nextFromPool(now)).not.toBeNull();
  });

  it('does not believe in leaves that the file has not, nor in pages that are not there', () => {
    const one = chooser(2);
    one.told('self', ['a'], 0);
    one.peerHas('a', 'all', 0);
    one.peerOpened('a');
    one.peerHas('a', [2, 99], 0);
    expect(one.nextFromPeer('a')).toBeNull();
    expect(one.nextFromPeer('b')).toBeNull();
  });
});

/**
 * Pages that fetch one file behind one uplink, in steps of 200 ms. What the uplink sends is shared
 * evenly by the requests that are open at it, and what a page sends by those that ask it. Each page
 * is connected to a few others only.
 */
function fetchTogether(pages: number, leaves: number, connections: number, uplink: number) {
  const kOwn = 8e6 / 5; // Bytes that a page can send in a step.
  const names = [...Array(pages).keys()].map((i) => `joined-${i}.${i * 7}`);
  const choosers = names.map(() => chooser(leaves));
  const links = names.map((_, i) =>
    [...Array(connections).keys()].map((k) => (i + 1 + k * k) % pages).filter((j) => j !== i),
  );
  const linked = (i: number, j: number): boolean => links[i]!.includes(j) || links[j]!.includes(i);
  names.forEach((self, i) => {
    choosers[i]!.told(self, names.filter((name) => name !== self), 0);
    names.forEach((peer, j) => linked(i, j) && choosers[i]!.peerOpened(peer));
  });
  /** To `to` from page `from`, or from the pool. */
  let open: { to: number; from: number | null; leaf: number; left: number }[] = [];
  let fromPool = 0;
  let step = 0;
  for (; choosers.some((one) => !one.done) && step < 10_000; ++step) {
    const now = step * 200;
    choosers.forEach((one, to) => {
      for (let next = one.nextFromPool(now); next; next = one.nextFromPool(now)) {
        for (let leaf = next.first; leaf < next.end; ++leaf, ++fromPool) {
          open.push({ to, from: null, leaf, left: kMiB });
        }
      }
      names.forEach((name, from) => {
        if (from === to || !linked(from, to)) return;
        for (let leaf = one.nextFromPeer(name); leaf !== null; leaf = one.nextFromPeer(name)) {
          open.push({ to, from, leaf, left: kMiB });
        }
      });
    });
    const at = (from: number | null): number => open.filter((each) => each.from === from).length;
    const share = new Map([null, ...names.keys()].map((from) => [from, at(from)]));
    for (const each of open) {
      each.left -= (each.from === null ? uplink / 5 : kOwn) / (share.get(each.from) ?? 1);
    }
    for (const { to, leaf } of open.filter(({ left }) => left <= 0)) {
      choosers[to]!.came(leaf, now);
      names.forEach((_, j) => linked(to, j) && choosers[j]!.peerHas(names[to]!, [leaf], now));
    }
    open = open.filter(({ left }) => left > 0);
  }
  return { done: choosers.every((one) => one.done), fromPool, seconds: step / 5 };
}

describe('ten pages behind 20 Mbit/s', () => {
  it.each([
    ['each with four connections', 4],
    ['each with two connections', 2],
  ])('%s get a file of which the pool sends each leaf about once', (_, connections) => {
    const leaves = 54;
    const { done, fromPool, seconds } = fetchTogether(10, leaves, connections, 2.5e6);
    expect(done).toBe(true);
    expect(fromPool).toBeGreaterThanOrEqual(leaves);
    expect(fromPool).toBeLessThanOrEqual(1.1 * leaves);
    const alone = (10 * leaves * kMiB) / 2.5e6;
    expect(alone / seconds).toBeGreaterThan(3);
  }, 60_000);
});
