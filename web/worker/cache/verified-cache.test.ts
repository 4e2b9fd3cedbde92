import { beforeEach, describe, expect, it } from 'vitest';
// @ts-expect-error A tool of the development server, in plain JavaScript.
import { importFile } from '../../dev/unixfs.mjs';
import { FakeSource, FakeStorage } from './fakes.test-util';
import { type CachedFile, type OnBytes, VerifiedCache } from './verified-cache';

const kMiB = 1048576;

function content(size: number): Uint8Array {
  return new Uint8Array(size).map((_, i) => (i * 31 + (i >> 8)) & 0xff);
}

/** As toEqual, which compares megabytes one object at a time. */
function expectSame(found: Uint8Array | undefined, wanted: Uint8Array): void {
  expect(found?.length).toBe(wanted.length);
  expect(Buffer.compare(found ?? new Uint8Array(), wanted)).toBe(0);
}

describe('VerifiedCache', () => {
  const file = content(9 * kMiB + 5);
  const { cid, blocks } = importFile(file) as { cid: string; blocks: Map<string, Uint8Array> };
  let storage: FakeStorage;
  let source: FakeSource;
  let log: string[];

  /** A page on the same storage and pool; Web Locks in miniature. */
  const held = new Map<string, Promise<unknown>>();
  const page = (kept: FakeStorage | null = storage): VerifiedCache =>
    new VerifiedCache({
      storage: kept,
      source,
      lock: (name, work) => {
        const mine = (held.get(name) ?? Promise.resolve()).catch(() => undefined).then(work);
        held.set(name, mine);
        return mine;
      },
      log: (_, message) => void log.push(message),
    });

  /** A visit: loads the file and stays until it is kept. */
  const visit = async (kept = storage as FakeStorage | null, seen?: OnBytes): Promise<CachedFile> => {
    const cache = page(kept);
    const loaded = await cache.load(cid, file.length, seen);
    await cache.kept();
    return loaded;
  };

  beforeEach(() => {
    storage = new FakeStorage();
    source = new FakeSource(new Map([[cid, file]]), blocks);
    log = [];
  });

  it('fetches a file in one range where the line is quick, and keeps it', async () => {
    const seen: number[] = [];
    const loaded = await visit(storage, (bytes) => seen.push(bytes));
    expectSame(loaded.bytes, file);
    expect(loaded.sources).toEqual({ cache: 0, pool: file.length, peer: 0 });
    expect(source.asked.filter((what) => what.startsWith('range'))).toHaveLength(1);
    expect(seen.at(-1)).toBe(file.length);
    expectSame(storage.files.get(`${cid}.data`), file);
    expect(storage.partial.size).toBe(0);
  });

  it('asks the network for nothing the second time', async () => {
    await visit();
    source.asked.length = 0;
    const again = await visit();
    expectSame(again.bytes, file);
    expect(again.sources).toEqual({ cache: file.length, pool: 0, peer: 0 });
    expect(source.asked).toEqual([]);
  });

  it('fetches only the leaf that is corrupt in the storage, and repairs it', async () => {
    await visit();
    storage.files.get(`${cid}.data`)![4 * kMiB + 17]! ^= 1;
    source.asked.length = 0;
    const again = await visit();
    expectSame(again.bytes, file);
    expect(again.sources.pool).toBe(kMiB);
    expect(source.asked).toEqual([`range ${4 * kMiB}-${5 * kMiB}`]);
    expectSame(storage.files.get(`${cid}.data`), file);
  });

  it('fetches a leaf once more, past the HTTP cache, when it came wrong', async () => {
    source.wrong.set(2 * kMiB + 3, 1);
    const loaded = await visit();
    expectSame(loaded.bytes, file);
    expect(source.asked.at(-1)).toBe(`range ${2 * kMiB}-${3 * kMiB} fresh`);
    expectSame(storage.files.get(`${cid}.data`), file);
  });

  it('refuses a leaf that is wrong twice, by name, and keeps nothing', async () => {
    source.wrong.set(2 * kMiB + 3, 2);
    await expect(visit()).rejects.toMatchObject({
      category: 'integrity',
      message: expect.stringMatching(/^leaf bafkrei\w+ of bafybei\w+ \(bytes 2097152 to 3145727\)/),
    });
    expect(storage.files.size).toBe(0);
    expect(storage.partial.size).toBe(0);
    expectSame((await visit()).bytes, file);
  });

  it.each([
    ['missing', (kept: FakeStorage) => void kept.files.delete(`${cid}.nodes`)],
    ['forged', (kept: FakeStorage) => void (kept.files.get(`${cid}.nodes`)![30]! ^= 1)],
    ['cut off', (kept: FakeStorage) => void kept.files.set(`${cid}.nodes`, new Uint8Array(2))],
  ])('fetches again when the stored leaf list is %s', async (_, damage) => {
    await visit();
    damage(storage);
    const again = await visit();
    expectSame(again.bytes, file);
    expect(again.sources.pool).toBe(file.length);
  });

  it('fetches again when the stored file is cut off', async () => {
    await visit();
    storage.files.set(`${cid}.data`, file.slice(0, 3 * kMiB));
    expect((await visit()).sources.pool).toBe(file.length);
    expectSame(storage.files.get(`${cid}.data`), file);
  });

  it('uses the file without keeping it when the storage is full', async () => {
    storage.room = 2 * kMiB;
    const loaded = await visit();
    expectSame(loaded.bytes, file);
    expect(storage.files.size).toBe(0);
    expect(log.join()).toContain('without being kept');
  });

  it('works without a storage', async () => {
    expectSame((await visit(null)).bytes, file);
    expect((await visit(null)).sources.pool).toBe(file.length);
  });

  it('fetches once for two Workers that load the same file', async () => {
    const [first, second] = await Promise.all([
      visit(),
      visit(),
    ]);
    expect(first.sources.pool + second.sources.pool).toBe(file.length);
    expectSame(second.bytes, file);
  });

  it('brings a file of a lower rank before the rest of another', async () => {
    const [large, small] = [new Uint8Array(66 * kMiB), content(6 * kMiB)];
    const [first, second] = [large, small].map((bytes) => importFile(bytes)) as [
      { cid: string; blocks: Map<string, Uint8Array> },
      { cid: string; blocks: Map<string, Uint8Array> },
    ];
    const files = new Map([
      [first.cid, large],
      [second.cid, small],
    ]);
    source = new FakeSource(files, new Map([...first.blocks, ...second.blocks]));
    const cache = page(null);
    await Promise.all([
      cache.load(first.cid, large.length, undefined, 2),
      cache.load(second.cid, small.length, undefined, 1),
    ]);
    const at = (start: number, end: number): number =>
      source.asked.lastIndexOf(`range ${start * kMiB}-${end * kMiB}`);
    expect(at(0, 6)).toBeGreaterThanOrEqual(0);
    expect(at(0, 6)).toBeLessThan(at(64, 66));
    await cache.kept();
  }, 30_000);

  it('hands the file out before it is kept', async () => {
    const cache = page();
    const { bytes } = await cache.load(cid, file.length);
    expectSame(bytes, file);
    expect(storage.files.has(`${cid}.data`)).toBe(false);
    await cache.kept();
    expectSame(storage.files.get(`${cid}.data`), file);
  });

  it('loads files of one leaf and of no byte', async () => {
    for (const small of [content(11), new Uint8Array()]) {
      const made = importFile(small) as { cid: string; blocks: Map<string, Uint8Array> };
      source = new FakeSource(new Map([[made.cid, small]]), made.blocks);
      const first = page();
      expectSame((await first.load(made.cid, small.length)).bytes, small);
      await first.kept();
      source.asked.length = 0;
      expectSame((await page().load(made.cid, small.length)).bytes, small);
      expect(source.asked).toEqual([]);
    }
  });

  it('refuses an announced size of 0 for a file that has bytes', async () => {
    const made = importFile(content(11)) as { cid: string };
    await expect(page().load(made.cid, 0)).rejects.toMatchObject({ category: 'integrity' });
  });

  it('refuses what is larger than a browser can hold', async () => {
    await expect(page().load(cid, 3 * 2 ** 30)).rejects.toMatchObject({ category: 'unsupported' });
  });

  it('says so when the pool does not have the file', async () => {
    source = new FakeSource(new Map(), new Map());
    await expect(visit()).rejects.toMatchObject({ category: 'not_found' });
  });
});
