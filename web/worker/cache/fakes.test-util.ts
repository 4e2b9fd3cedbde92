// A storage and a pool in memory, with the faults that the tests ask for.

import { PoolError } from '../error';
import type { Cid } from './cid';
import type { Sink, Source } from './source';
import type { PendingFile, Storage, StoredFile } from './storage';

export class FakeStorage implements Storage {
  readonly files = new Map<string, Uint8Array>();
  readonly partial = new Set<string>();
  /** Bytes that may still be written. */
  room = Number.POSITIVE_INFINITY;

  async open(name: string): Promise<StoredFile | null> {
    const bytes = this.files.get(name);
    if (!bytes) return null;
    return {
      size: bytes.length,
      read: (target, offset) => {
        const piece = bytes.subarray(offset, offset + target.length);
        target.set(piece);
        return piece.length;
      },
      write: (source, offset) => bytes.set(source, offset),
      flush: () => undefined,
      close: () => undefined,
    };
  }

  async create(name: string): Promise<PendingFile> {
    if (this.partial.has(name)) throw new Error(`${name} is being written by another`);
    this.partial.add(name);
    let written = new Uint8Array();
    return {
      write: (source, offset) => {
        this.room -= source.length;
        if (this.room < 0) throw new DOMException('full', 'QuotaExceededError');
        const grown = new Uint8Array(Math.max(written.length, offset + source.length));
        grown.set(written);
        grown.set(source, offset);
        written = grown;
      },
      commit: async () => {
        this.partial.delete(name);
        this.files.set(name, written);
      },
      abort: async () => void this.partial.delete(name),
    };
  }

  async remove(name: string): Promise<void> {
    this.files.delete(name);
  }
}

export class FakeSource implements Source {
  readonly asked: string[] = [];
  inFlight = 0;
  mostInFlight = 0;
  /** Offset -> how often a byte there still comes wrong. */
  readonly wrong = new Map<number, number>();
  /** Nothing is sent until it is released. */
  hold = false;
  private held: (() => void)[] = [];

  constructor(
    private readonly files: Map<string, Uint8Array>,
    private readonly blocks: Map<string, Uint8Array>,
  ) {}

  async block(cid: Cid): Promise<Uint8Array> {
    this.asked.push(`block ${cid.text}`);
    const block = this.blocks.get(cid.text);
    if (!block) throw new PoolError('not_found', cid.text);
    return block;
  }

  async range(
    cid: Cid,
    start: number,
    end: number,
    fresh: boolean,
    sink: Sink,
  ): Promise<void> {
    this.asked.push(`range ${start}-${end}${fresh ? ' fresh' : ''}`);
    this.inFlight += 1;
    this.mostInFlight = Math.max(this.mostInFlight, this.inFlight);
    if (this.hold) await new Promise<void>((resolve) => this.held.push(resolve));
    const bytes = this.files.get(cid.text)?.slice(start, end);
    if (!bytes) throw new PoolError('not_found', cid.text);
    for (const [offset, times] of this.wrong) {
      if (offset < start || offset >= end || times === 0) continue;
      this.wrong.set(offset, times - 1);
      bytes[offset - start]! ^= 0xff;
    }
    for (let at = 0; at < bytes.length; at += 700_001) {
      await Promise.resolve();
      if (sink(bytes.subarray(at, at + 700_001)) === false) break;
    }
    this.inFlight -= 1;
  }

  release(): void {
    this.hold = false;
    for (const resolve of this.held.splice(0)) resolve();
  }
}
