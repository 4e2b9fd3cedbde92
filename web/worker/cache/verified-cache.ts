// Model files by CID: from the browser's storage where they were kept, else from the pool. Every
// leaf is hashed against the CID before a byte is handed out, whichever side it came from, so the
// storage needs no trust either: a bad leaf there is fetched again.

import { PoolError, errorText } from '../error';
import type { Swarms } from '../peers/file-peers';
import type { BytesBySource } from '../thread-messages';
import { type Cid, parseCid } from './cid';
import { FileFetch } from './file-fetch';
import { type FilePlan, type Leaf, packNodes, packedNodeReader, planFile } from './file-plan';
import { LeafChecker } from './leaf-checker';
import type { Source } from './source';
import type { PendingFile, Storage, StoredFile } from './storage';
import { Turns } from './turns';

export interface CachedFile {
  /** The whole file, verified; owned by the caller. */
  bytes: Uint8Array<ArrayBuffer>;
  sources: BytesBySource;
}

export interface CacheOptions {
  storage: Storage | null;
  source: Source;
  /** Runs `work` while no other thread of the origin holds the same name. */
  lock: <T>(name: string, work: () => Promise<T>) => Promise<T>;
  log: (level: 'info' | 'warning', message: string) => void;
  /** Other pages; none where they can't be reached. */
  swarms?: Swarms;
  /** Called when the storage has the whole file, whether it was there or came now. */
  onKept?: (cid: string) => void;
}

export type OnBytes = (loaded: number, total: number) => void;

const kInFlight = 5; // Of a browser's six connections to one host, one is left for the rest.
const kLargest = 2 ** 31 - 2 ** 16;

export class VerifiedCache {
  private readonly keeping = new Set<Promise<void>>();
  /** So that a file of a lower rank that was asked for first also fetches first. */
  private readonly planning = new Turns(1);
  /** One at a time until a request takes long: then `kInFlight`, see FileFetch. */
  private readonly fetching = new Turns(1);
  /** One file after the other: hashing keeps the cores busy with one. */
  private readonly reading = new Turns(1);

  constructor(private readonly options: CacheOptions) {}

  /**
   * Resolves as soon as all bytes are verified; what is still to be done so that they are kept goes
   * on, see `kept`. Throws PoolError: integrity, fetch, not_found, unsupported (too large),
   * out_of_memory. Of several files at once those of a lower `rank` come first.
   */
  async load(
    cidText: string,
    size: number,
    onBytes: OnBytes = () => undefined,
    rank = 0,
  ): Promise<CachedFile> {
    const cid = parseCid(cidText);
    if (size > kLargest) {
      throw new PoolError(
        'unsupported',
        `a file of ${size} bytes is larger than a browser can hold in one piece (2 GB)`,
        'use a smaller dtype, or a model whose external data is split into several files',
      );
    }
    const bytes = allocate(size);
    return new Promise((resolve, reject) => {
      const work = this.options.lock(`webpool:${cid.text}`, async () => {
        const reading = (): Promise<CachedFile | null> => this.fromStorage(cid, bytes, onBytes);
        const stored = await this.reading.take(rank, reading);
        if (stored) {
          this.options.onKept?.(cid.text);
          resolve(stored);
        } else await this.fromSource(cid, bytes, rank, onBytes, resolve);
      });
      const ended = work.catch(reject).finally(() => this.keeping.delete(ended));
      this.keeping.add(ended);
    });
  }

  /** Every file loaded so far is in the storage, or was given up (which is in the log). */
  async kept(): Promise<void> {
    await Promise.all(this.keeping);
  }

  private async fromStorage(
    cid: Cid,
    bytes: Uint8Array<ArrayBuffer>,
    onBytes: OnBytes,
  ): Promise<CachedFile | null> {
    const { storage, log } = this.options;
    if (!storage) return null;
    let file: StoredFile | null = null;
    try {
      file = await storage.open(dataName(cid));
      if (!file || file.size !== bytes.length) return null;
      const plan = await this.storedPlan(storage, cid, bytes.length);
      if (!plan) return null;
      let loaded = 0;
      const checker = new LeafChecker(bytes, (leaf) => {
        loaded += leaf.size;
        onBytes(loaded, bytes.length);
      });
      for (const leaf of plan.leaves) {
        await checker.room();
        file.read(bytes.subarray(leaf.offset, leaf.offset + leaf.size), leaf.offset);
        checker.check(leaf);
      }
      const bad = await checker.settle();
      if (bad.length > 0) await this.repair(plan, bad, bytes, file);
      const fetched = bad.reduce((sum, leaf) => sum + leaf.size, 0);
      return { bytes, sources: { cache: bytes.length - fetched, pool: fetched, peer: 0 } };
    } catch (thrown) {
      if (thrown instanceof PoolError) throw thrown;
      log('warning', `the stored copy of ${cid.text} can't be read: ${errorText(thrown)}`);
      return null;
    } finally {
      file?.close();
    }
  }

  /** The leaf list kept beside the file; null where it is missing or not the CID's. */
  private async storedPlan(storage: Storage, cid: Cid, size: number): Promise<FilePlan | null> {
    if (cid.codec === 'raw') return planFile(cid, size, noNodes);
    const index = await storage.open(nodesName(cid));
    if (!index) return null;
    const packed = new Uint8Array(index.size);
    index.read(packed, 0);
    index.close();
    return planFile(cid, size, packedNodeReader(packed)).catch(() => null);
  }

  private async repair(
    plan: FilePlan,
    bad: Leaf[],
    bytes: Uint8Array,
    file: StoredFile,
  ): Promise<void> {
    this.options.log(
      'warning',
      `${bad.length} of ${plan.leaves.length} stored leaves of ${plan.cid.text} are corrupt: ` +
        'fetching them again',
    );
    const checker = new LeafChecker(bytes, (leaf, good) => file.write(good, leaf.offset));
    for (const leaf of bad) await this.fetchLeaf(plan, leaf, checker, false);
    await this.retry(plan, await checker.settle(), checker);
    file.flush();
  }

  private async fromSource(
    cid: Cid,
    bytes: Uint8Array<ArrayBuffer>,
    rank: number,
    onBytes: OnBytes,
    onVerified: (file: CachedFile) => void,
  ): Promise<void> {
    const { source, log } = this.options;
    const planning = (): Promise<FilePlan> =>
      planFile(cid, bytes.length, (node) => source.block(node));
    const plan = await this.planning.take(rank, planning);
    const writer = await this.startWriting(cid);
    let loaded = 0;
    const fetch = new FileFetch(plan, bytes, {
      source,
      turns: this.fetching,
      lanes: kInFlight,
      rank,
      start: this.options.swarms ? Math.floor(Math.random() * plan.leaves.length) : 0,
      swarms: this.options.swarms ?? null,
      onGood: (leaf, good) => {
        loaded += leaf.size;
        onBytes(loaded, bytes.length);
        writer.write(good, leaf.offset);
      },
      log,
      now: () => performance.now(),
      later: (work, ms) => void setTimeout(work, ms),
    });
    try {
      await fetch.run();
      await this.retry(plan, await fetch.checker.settle(), fetch.checker);
    } catch (thrown) {
      await writer.abort();
      throw thrown;
    }
    onVerified({ bytes, sources: { cache: 0, ...fetch.bytesFrom } });
    if (await writer.finish(packNodes(plan.nodes))) this.options.onKept?.(cid.text);
  }

  private fetchLeaf(
    plan: FilePlan,
    leaf: Leaf,
    checker: LeafChecker,
    fresh: boolean,
  ): Promise<void> {
    if (leaf.size === 0) return Promise.resolve(checker.check(leaf));
    const sink = checker.sinkFrom(plan, plan.leaves.indexOf(leaf));
    const end = leaf.offset + leaf.size;
    return this.options.source.range(plan.cid, leaf.offset, end, fresh, sink);
  }

  /** Each bad leaf once more, past all caches; what is still wrong is refused. */
  private async retry(plan: FilePlan, bad: Leaf[], checker: LeafChecker): Promise<void> {
    for (const leaf of bad) {
      this.options.log('warning', `leaf ${leaf.cid.text} does not match its hash: once more`);
      await this.fetchLeaf(plan, leaf, checker, true);
    }
    const [still] = await checker.settle();
    if (!still) return;
    throw new PoolError(
      'integrity',
      `leaf ${still.cid.text} of ${plan.cid.text} (bytes ${still.offset} to ` +
        `${still.offset + still.size - 1}) does not match its hash, fetched twice`,
      'the file in the store is damaged: remove the model and add it again',
    );
  }

  private async startWriting(cid: Cid): Promise<Writer> {
    const { storage, log } = this.options;
    if (!storage) return new Writer(null, null, cid, log);
    try {
      return new Writer(storage, await storage.create(dataName(cid)), cid, log);
    } catch (thrown) {
      log('warning', `${cid.text} is used without being kept: ${errorText(thrown)}`);
      return new Writer(null, null, cid, log);
    }
  }
}

/** Keeps a file while it comes; a full disk ends the keeping, not the load. */
class Writer {
  constructor(
    private readonly storage: Storage | null,
    private pending: PendingFile | null,
    private readonly cid: Cid,
    private readonly log: CacheOptions['log'],
  ) {}

  write(bytes: Uint8Array, offset: number): void {
    try {
      this.pending?.write(bytes, offset);
    } catch (thrown) {
      void this.giveUp(thrown);
    }
  }

  /** The node list first: a file under its name always has its list. True: it is there now. */
  async finish(nodes: Uint8Array): Promise<boolean> {
    if (!this.storage || !this.pending) return false;
    try {
      if (nodes.length > 0) {
        const index = await this.storage.create(nodesName(this.cid));
        try {
          index.write(nodes, 0);
          await index.commit();
        } catch (thrown) {
          await index.abort();
          throw thrown;
        }
      }
      await this.pending.commit();
      this.pending = null;
      return true;
    } catch (thrown) {
      await this.giveUp(thrown);
      return false;
    }
  }

  async abort(): Promise<void> {
    const pending = this.pending;
    this.pending = null;
    await pending?.abort().catch(() => undefined);
  }

  private giveUp(thrown: unknown): Promise<void> {
    this.log('warning', `${this.cid.text} is used without being kept: ${errorText(thrown)}`);
    return this.abort();
  }
}

function dataName(cid: Cid): string {
  return `${cid.text}.data`;
}

function nodesName(cid: Cid): string {
  return `${cid.text}.nodes`;
}

function noNodes(cid: Cid): never {
  throw new PoolError('internal', `${cid.text} has no nodes`);
}

function allocate(size: number): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(size);
  } catch (thrown) {
    throw new PoolError(
      'out_of_memory',
      `the browser has no ${size} bytes in one piece: ${errorText(thrown)}`,
      'close other models, or use a smaller dtype',
    );
  }
}
