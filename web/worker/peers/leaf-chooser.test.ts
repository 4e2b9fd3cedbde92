import { describe, expect, it } from 'vitest';
import { LeafChooser } from './leaf-chooser';

const kMiB = 1048576;

function chooser(leaves: number, size = kMiB): LeafChooser {
  return new LeafChooser({
    sizes: new Array<number>(leaves).fill(size),
    mostAtOnce: 4 * kMiB,
    openAtPeer: 2,
    patience: 2000,
  });
}

describe('LeafChooser', () => {
  it('asks the pool for large ranges while nobody shares', () => {
    const one = chooser(9);
    expect(one.nextFromPool(0)).toEqual({ first: 0, end: 4 });
    expect(one.nextFromPool(0)).toEqual({ first: 4, end: 8 });
    expect(one.nextFromPool(0)).toEqual({ first: 8, end: 9 });
    expect(one.nextFromPool(0)).toBeNull();
    for (let leaf = 0; leaf < 9; ++leaf) expect(one.came(leaf, 0)).toBe(true);
    expect(one.came(3, 0)).toBe(false);
    expect(one.done).toBe(true);
  });

  it('needs nothing of an empty file', () => expect(chooser(1, 0).done).toBe(true));

  it('asks the pool for its own share only, while others bring the rest', () => {
    const leaves = 60;
    const [a, b, c] = ['a.1', 'b.2', 'c.3'].map((self) => {
      const one = chooser(leaves);
      one.told(self, ['a.1', 'b.2', 'c.3'].filter((other) => other !== self), 0);
      const asked: number[] = [];
      for (let next = one.nextFromPool(0); next; next = one.nextFromPool(0)) asked.push(next.first);
      return asked;
    }) as [number[], number[], number[]];
    expect([...a, ...b, ...c].sort((x, y) => x - y)).toEqual([...Array(leaves).keys()]);
    for (const share of [a, b, c]) expect(share.length).toBeGreaterThan(10);
  });

  it('asks a page for the leaf that the fewest have, and for two at a time', () => {
    const one = chooser(4);
    one.told('self', ['a', 'b', 'c'], 0);
    for (const peer of ['a', 'b', 'c']) one.peerOpened(peer);
    one.peerHas('a', [0, 1, 2]);
    one.peerHas('b', [1, 2]);
    one.peerHas('c', [2]);
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
    one.peerHas('a', 'all');
    expect(one.nextFromPool(0)).toBeNull();
    expect(one.nextFromPeer('a')).not.toBeNull();
  });

  it('asks the pool for a leaf that came wrong, and for what went with a page', () => {
    const one = chooser(2);
    one.told('self', ['a'], 0);
    one.peerOpened('a');
    one.peerHas('a', 'all');
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
    one.peerHas('a', 'all');
    const asked = one.nextFromPeer('a')!;
    one.ban('a');
    one.peerOpened('a');
    one.peerHas('a', 'all');
    expect(one.nextFromPeer('a')).toBeNull();
    one.told('self', ['a'], 0);
    const all: number[] = [];
    for (let next = one.nextFromPool(0); next; next = one.nextFromPool(0)) {
      for (let leaf = next.first; leaf < next.end; ++leaf) all.push(leaf);
    }
    expect(all).toContain(asked);
    expect(all).toHaveLength(30);
  });

  it('takes all from the pool where the others bring nothing', () => {
    const one = chooser(30);
    one.told('self', ['a', 'b'], 1000);
    let asked = 0;
    while (one.nextFromPool(2999)) asked += 1;
    expect(asked).toBeLessThan(30);
    while (one.nextFromPool(3000)) asked += 1;
    expect(asked).toBe(30);
  });

  it('does not believe in leaves that the file has not, nor in pages that are not there', () => {
    const one = chooser(2);
    one.told('self', ['a'], 0);
    one.peerHas('a', 'all');
    one.peerOpened('a');
    one.peerHas('a', [2, 99]);
    expect(one.nextFromPeer('a')).toBeNull();
    expect(one.nextFromPeer('b')).toBeNull();
  });
});

/**
 * Pages that fetch one file behind one uplink: in each step the uplink sends a few leaves and each
 * page sends one. Each page is connected to a few others only.
 */
function fetchTogether(pages: number, leaves: number, connections: number) {
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
  let fromPool = 0;
  let steps = 0;
  for (; choosers.some((one) => !one.done) && steps < 10 * leaves; ++steps) {
    const now = steps * 100;
    const come: [number, number][] = [];
    for (let sent = 0, i = steps; sent < 2 && i < steps + pages; ++i) {
      const next = choosers[i % pages]!.nextFromPool(now);
      if (!next) continue;
      for (let leaf = next.first; leaf < next.end; ++leaf) come.push([i % pages, leaf]);
      sent += 1;
      fromPool += next.end - next.first;
    }
    names.forEach((giver, j) => {
      for (let k = 0; k < pages; ++k) {
        const i = (j + 1 + k + steps) % pages;
        const leaf = i === j || !linked(i, j) ? null : choosers[i]!.nextFromPeer(giver);
        if (leaf === null) continue;
        come.push([i, leaf]);
        return;
      }
    });
    for (const [i, leaf] of come) {
      choosers[i]!.came(leaf, now);
      names.forEach((_, j) => linked(i, j) && choosers[j]!.peerHas(names[i]!, [leaf]));
    }
  }
  return { done: choosers.every((one) => one.done), fromPool, steps };
}

describe('ten pages', () => {
  it.each([
    ['each with four connections', 4],
    ['each with two connections', 2],
  ])('%s get a file of which the pool sends each leaf about once', (_, connections) => {
    const leaves = 54;
    const { done, fromPool, steps } = fetchTogether(10, leaves, connections);
    expect(done).toBe(true);
    expect(fromPool).toBeGreaterThanOrEqual(leaves);
    expect(fromPool).toBeLessThanOrEqual(1.1 * leaves);
    // The uplink alone, two leaves a step, would take 270 steps for ten times the file.
    expect(steps).toBeLessThan(270 / 3);
  });
});
