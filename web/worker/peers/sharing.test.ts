import { beforeEach, describe, expect, it } from 'vitest';
import type { SignalMessage } from '../../protocol/messages';
import type { PageToFiles } from '../thread-messages';
import { piecesOf, readPiece } from './peer-messages';
import { type Links, Sharing } from './sharing';

class FakeLinks implements Links {
  opened: string[] = [];
  readonly asked: string[] = [];
  readonly signals: SignalMessage[] = [];
  readonly sent: [string, string | ArrayBuffer][] = [];
  readonly dropped: string[] = [];

  told(self: string, peers: readonly string[]): void {
    this.asked.push(`${self}: ${peers.join(' ')}`);
  }
  async signalled(message: SignalMessage): Promise<void> {
    this.signals.push(message);
  }
  send(peer: string, data: string | ArrayBuffer): void {
    this.sent.push([peer, data]);
  }
  drop(peer: string): void {
    this.dropped.push(peer);
  }
}

const text = (message: object): string => JSON.stringify(message);
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

describe('Sharing', () => {
  const stored = new Uint8Array(3_000_000).map((_, i) => (i * 7) & 0xff);
  let links: FakeLinks;
  let sharing: Sharing;
  let got: PageToFiles[];

  beforeEach(() => {
    links = new FakeLinks();
    got = [];
    const read = async (cid: string, offset: number, size: number) =>
      cid === 'kept' && offset + size <= stored.length ? stored.slice(offset, offset + size) : null;
    sharing = new Sharing({ links, read });
    sharing.workerBegan(5, (message) => void got.push(message));
  });

  it('tells a file Worker of the others, whichever is there first', () => {
    const files = [
      { cid: 'x', peers: ['b', 'c'] },
      { cid: 'y', peers: ['c', 'd'] },
    ];
    links.opened = ['c'];
    sharing.onPool({ type: 'peers', self: 'a', files });
    expect(links.asked).toEqual(['a: b c d']);
    expect(got).toEqual([]);
    sharing.fromWorker(5, { kind: 'fetching', cid: 'x' });
    expect(got).toEqual([
      { kind: 'peers', cid: 'x', self: 'a', peers: ['b', 'c'] },
      { kind: 'peer-opened', peer: 'c' },
    ]);
    sharing.onPool({ type: 'peers', self: 'a', files: [{ cid: 'x', peers: ['e'] }] });
    expect(got.at(-1)).toEqual({ kind: 'peers', cid: 'x', self: 'a', peers: ['e'] });
    sharing.closed('c');
    expect(got.at(-1)).toEqual({ kind: 'peer-closed', peer: 'c' });
  });

  it('hands signals on', () => {
    const signal: SignalMessage = { type: 'signal', peer: 'b', kind: 'offer', text: 'sdp' };
    sharing.onPool(signal);
    expect(links.signals).toEqual([signal]);
  });

  it('brings what comes to the Worker that fetches the file, or that wanted it', () => {
    sharing.fromWorker(5, { kind: 'fetching', cid: 'x' });
    const have = text({ type: 'have', cid: 'x', leaves: [1] });
    sharing.heard('b', have);
    const [piece] = piecesOf(Sharing.firstId(5) + 3, new Uint8Array(9));
    sharing.heard('b', piece!);
    sharing.heard('b', text({ type: 'none', id: Sharing.firstId(5) + 4 }));
    expect(got.map((message) => message.kind)).toEqual(new Array(3).fill('peer-message'));
    got.length = 0;
    sharing.heard('b', text({ type: 'have', cid: 'y', leaves: [1] }));
    sharing.heard('b', 'nonsense');
    sharing.heard('b', new ArrayBuffer(3));
    sharing.heard('b', piecesOf(Sharing.firstId(6), new Uint8Array(9))[0]!);
    sharing.fromWorker(5, { kind: 'fetched', cid: 'x' });
    sharing.heard('b', have);
    expect(got).toEqual([]);
  });

  it('sends what a Worker says, to one or to all', () => {
    links.opened = ['b', 'c'];
    sharing.fromWorker(5, { kind: 'peer-send', peer: 'b', data: ['1'] });
    sharing.fromWorker(5, { kind: 'peer-send', peer: null, data: ['2'] });
    sharing.fromWorker(5, { kind: 'peer-drop', peer: 'c' });
    expect(links.sent).toEqual([
      ['b', '1'],
      ['b', '2'],
      ['c', '2'],
    ]);
    expect(links.dropped).toEqual(['c']);
  });

  it('gives leaves of files that the storage has, and no others', async () => {
    links.opened = ['b'];
    sharing.heard('b', text({ type: 'who', cid: 'kept' }));
    expect(links.sent).toEqual([]);
    sharing.fromWorker(5, { kind: 'kept-file', cid: 'kept' });
    const all = text({ type: 'have', cid: 'kept', leaves: 'all' });
    expect(links.sent.splice(0)).toEqual([['b', all]]);
    sharing.heard('b', text({ type: 'who', cid: 'kept' }));
    expect(links.sent.splice(0)).toEqual([['b', all]]);
    sharing.heard('b', text({ type: 'want', id: 9, cid: 'kept', offset: 1048576, size: 1048576 }));
    await settle();
    const leaf = new Uint8Array(1048576);
    for (const [, data] of links.sent.splice(0)) {
      const { id, offset, bytes } = readPiece(data as ArrayBuffer)!;
      expect(id).toBe(9);
      leaf.set(bytes, offset);
    }
    expect(Buffer.compare(leaf, stored.subarray(1048576, 2097152))).toBe(0);
    sharing.heard('b', text({ type: 'want', id: 10, cid: 'kept', offset: 2900000, size: 1048576 }));
    sharing.heard('b', text({ type: 'want', id: 11, cid: 'other', offset: 0, size: 1 }));
    await settle();
    expect(links.sent.map(([, data]) => data).sort()).toEqual(
      [text({ type: 'none', id: 10 }), text({ type: 'none', id: 11 })].sort(),
    );
  });

  it('reads a few leaves at once for one page, and gives no more', async () => {
    sharing.fromWorker(5, { kind: 'kept-file', cid: 'kept' });
    for (let id = 0; id < 10; ++id) {
      sharing.heard('b', text({ type: 'want', id, cid: 'kept', offset: 0, size: 1000 }));
    }
    await settle();
    const refused = links.sent.filter(([, data]) => typeof data === 'string');
    expect(refused).toHaveLength(2);
  });

  it('gives nothing of a load that does not share, and asks nobody for it', async () => {
    links.opened = ['b'];
    sharing.onPool({ type: 'peers', self: 'a', files: [{ cid: 'kept', peers: ['b'] }] });
    sharing.fromWorker(6, { kind: 'fetching', cid: 'kept' });
    sharing.fromWorker(6, { kind: 'peer-send', peer: null, data: ['who'] });
    sharing.fromWorker(6, { kind: 'kept-file', cid: 'kept' });
    sharing.heard('b', text({ type: 'who', cid: 'kept' }));
    expect(links.sent).toEqual([]);
    sharing.heard('b', text({ type: 'want', id: 9, cid: 'kept', offset: 0, size: 1000 }));
    await settle();
    expect(links.sent.map(([, data]) => data)).toEqual([text({ type: 'none', id: 9 })]);
  });

  it('forgets a Worker that has ended', () => {
    sharing.fromWorker(5, { kind: 'fetching', cid: 'x' });
    got.length = 0;
    sharing.fromWorker(5, { kind: 'done' });
    sharing.opened('b');
    sharing.heard('b', text({ type: 'have', cid: 'x', leaves: [1] }));
    expect(got).toEqual([]);
  });
});
