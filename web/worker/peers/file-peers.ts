// A file Worker's way to other pages, which goes through its own page: only that may make
// connections (sharing.ts).

import type { FilePeersMessage, FilesToPage, PageToFiles } from '../thread-messages';
import { type PeerMessage, type Piece, piecesOf, readMessage, readPiece } from './peer-messages';

/** Told of one file while it is fetched. */
export interface SwarmListener {
  /** The others that fetch it or have it. */
  told(self: string, peers: readonly string[]): void;
  opened(peer: string): void;
  closed(peer: string): void;
  message(peer: string, message: PeerMessage): void;
  piece(peer: string, piece: Piece): void;
}

/** What the fetching of one file may do. */
export interface Swarm {
  /** `peer` null: to all. */
  say(peer: string | null, message: PeerMessage): void;
  /** A number for a `want`, by which the answer finds back here. */
  nextId(): number;
  give(peer: string, id: number, leaf: Uint8Array): void;
  /** It is talked to no more. */
  drop(peer: string): void;
  leave(): void;
}

export interface Swarms {
  join(cid: string, listener: SwarmListener): Swarm;
}

/** Numbers of one file Worker; the page finds it by what is above. */
export const kIdsOfWorker = 2 ** 20;

export class FilePeers implements Swarms {
  private readonly listeners = new Map<string, SwarmListener>();
  private readonly ids = new Map<number, string>();
  private readonly known = new Map<string, FilePeersMessage>();
  private next = 0;

  /** `first`: of this Worker's numbers. */
  constructor(
    private readonly post: (message: FilesToPage, transfer?: Transferable[]) => void,
    private readonly first: () => number,
  ) {}

  join(cid: string, listener: SwarmListener): Swarm {
    this.listeners.set(cid, listener);
    const known = this.known.get(cid);
    // Before anything is asked of the pool: others may have it.
    if (known) listener.told(known.self, known.peers);
    this.post({ kind: 'fetching', cid });
    const say = (peer: string | null, message: PeerMessage): void =>
      this.post({ kind: 'peer-send', peer, data: [JSON.stringify(message)] });
    return {
      say,
      nextId: () => {
        const id = this.first() + (this.next++ % kIdsOfWorker);
        this.ids.set(id, cid);
        return id;
      },
      give: (peer, id, leaf) => {
        const data = piecesOf(id, leaf);
        this.post({ kind: 'peer-send', peer, data }, data);
      },
      drop: (peer) => this.post({ kind: 'peer-drop', peer }),
      leave: () => {
        this.listeners.delete(cid);
        for (const [id, of] of this.ids) if (of === cid) this.ids.delete(id);
        this.post({ kind: 'fetched', cid });
      },
    };
  }

  onMessage(message: PageToFiles): void {
    switch (message.kind) {
      case 'peers':
        this.known.set(message.cid, message);
        this.listeners.get(message.cid)?.told(message.self, message.peers);
        return;
      case 'peer-opened':
        for (const listener of this.listeners.values()) listener.opened(message.peer);
        return;
      case 'peer-closed':
        for (const listener of this.listeners.values()) listener.closed(message.peer);
        return;
      case 'peer-message':
        this.heard(message.peer, message.data);
        return;
    }
  }

  private heard(peer: string, data: string | ArrayBuffer): void {
    if (typeof data !== 'string') {
      const piece = readPiece(data);
      if (piece) this.of(piece.id)?.piece(peer, piece);
      return;
    }
    const message = readMessage(data);
    if (!message) return;
    const listener =
      message.type === 'none' ? this.of(message.id) : this.listeners.get(message.cid);
    listener?.message(peer, message);
  }

  private of(id: number): SwarmListener | undefined {
    return this.listeners.get(this.ids.get(id) ?? '');
  }
}
