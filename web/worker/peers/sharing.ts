// The page's part in giving files to other pages and getting them: which file Worker hears what of
// what comes over the connections, and what is given of files that lie in the storage.

import type { PeersMessage, SignalMessage } from '../../protocol/messages';
import type { FilePeersMessage, FilesToPage, PageToFiles } from '../thread-messages';
import { kIdsOfWorker } from './file-peers';
import { type PeerMessage, piecesOf, readMessage, readPiece } from './peer-messages';

/** What of PeerLinks is used. */
export interface Links {
  readonly opened: readonly string[];
  told(self: string, peers: readonly string[]): void;
  signalled(message: SignalMessage): Promise<void>;
  send(peer: string, data: string | ArrayBuffer): void;
  drop(peer: string): void;
}

export interface SharingOptions {
  links: Links;
  /** Bytes of a file in the storage; null where it is not there, or not to be read just now. */
  read: (cid: string, offset: number, size: number) => Promise<Uint8Array | null>;
}

/** Leaves that are being read for one page, at most. */
const kMostReads = 8;

type Post = (message: PageToFiles, transfer?: Transferable[]) => void;

export class Sharing {
  private readonly workers = new Map<number, Post>();
  /** Files under way, and the number of the file Worker that brings each. */
  private readonly fetching = new Map<string, number>();
  private readonly kept = new Set<string>();
  private readonly peers = new Map<string, { self: string; peers: string[] }>();
  private readonly reads = new Map<string, number>();

  constructor(private readonly options: SharingOptions) {}

  /** The first of the numbers that a file Worker may give to what it wants. */
  static firstId(key: number): number {
    return (key % 4096) * kIdsOfWorker;
  }

  // From the pool.

  onPool(message: PeersMessage | SignalMessage): void {
    if (message.type === 'signal') {
      void this.options.links.signalled(message);
      return;
    }
    const { self, files } = message;
    for (const { cid, peers } of files) {
      this.peers.set(cid, { self, peers });
      this.tellWorker(cid);
    }
    this.options.links.told(self, [...new Set(files.flatMap(({ peers }) => peers))]);
  }

  /** What is known of the others for these files. */
  known(cids: readonly string[]): FilePeersMessage[] {
    return cids.flatMap((cid) => {
      const known = this.peers.get(cid);
      return known ? [{ kind: 'peers' as const, cid, ...known }] : [];
    });
  }

  // From and for file Workers.

  /** Of a load that shares. What comes from other file Workers is not for other pages. */
  workerBegan(key: number, post: Post): void {
    this.workers.set(key, post);
  }

  workerEnded(key: number): void {
    this.workers.delete(key);
    for (const [cid, by] of this.fetching) if (by === key) this.fetching.delete(cid);
  }

  fromWorker(key: number, message: FilesToPage): void {
    const { links } = this.options;
    if (!this.workers.has(key)) return;
    switch (message.kind) {
      case 'fetching':
        this.fetching.set(message.cid, key);
        this.tellWorker(message.cid); // It may have changed meanwhile.
        for (const peer of links.opened) this.workers.get(key)?.({ kind: 'peer-opened', peer });
        return;
      case 'fetched':
        if (this.fetching.get(message.cid) === key) this.fetching.delete(message.cid);
        return;
      case 'kept-file':
        this.kept.add(message.cid);
        for (const peer of links.opened) this.sayAll(peer, message.cid);
        return;
      case 'peer-send':
        for (const peer of message.peer === null ? links.opened : [message.peer]) {
          for (const data of message.data) links.send(peer, data);
        }
        return;
      case 'peer-drop':
        links.drop(message.peer);
        return;
      case 'done':
        this.workerEnded(key);
        return;
    }
  }

  // From other pages.

  opened(peer: string): void {
    this.tellAll({ kind: 'peer-opened', peer });
  }

  closed(peer: string): void {
    this.tellAll({ kind: 'peer-closed', peer });
  }

  heard(peer: string, data: string | ArrayBuffer): void {
    if (typeof data !== 'string') {
      const piece = readPiece(data);
      if (piece) this.byId(piece.id)?.({ kind: 'peer-message', peer, data }, [data]);
      return;
    }
    const message = readMessage(data);
    if (!message) return;
    if (message.type === 'none') {
      this.byId(message.id)?.({ kind: 'peer-message', peer, data });
      return;
    }
    const fetcher = this.workers.get(this.fetching.get(message.cid) ?? -1);
    if (fetcher) fetcher({ kind: 'peer-message', peer, data });
    else if (message.type === 'who' && this.kept.has(message.cid)) this.sayAll(peer, message.cid);
    else if (message.type === 'want') void this.give(peer, message);
  }

  private async give(peer: string, want: Extract<PeerMessage, { type: 'want' }>): Promise<void> {
    const { links, read } = this.options;
    const { id, cid, offset, size } = want;
    const open = this.reads.get(peer) ?? 0;
    let leaf: Uint8Array | null = null;
    if (this.kept.has(cid) && open < kMostReads) {
      this.reads.set(peer, open + 1);
      leaf = await read(cid, offset, size).catch(() => null);
      this.reads.set(peer, (this.reads.get(peer) ?? 1) - 1);
    }
    if (leaf?.length === size) for (const piece of piecesOf(id, leaf)) links.send(peer, piece);
    else links.send(peer, JSON.stringify({ type: 'none', id } satisfies PeerMessage));
  }

  private sayAll(peer: string, cid: string): void {
    const message: PeerMessage = { type: 'have', cid, leaves: 'all' };
    this.options.links.send(peer, JSON.stringify(message));
  }

  private tellWorker(cid: string): void {
    const worker = this.workers.get(this.fetching.get(cid) ?? -1);
    for (const message of this.known([cid])) worker?.(message);
  }

  private tellAll(message: PageToFiles): void {
    for (const key of new Set(this.fetching.values())) this.workers.get(key)?.(message);
  }

  private byId(id: number): Post | undefined {
    const number = Math.floor(id / kIdsOfWorker);
    for (const [key, post] of this.workers) if (key % 4096 === number) return post;
    return undefined;
  }
}
