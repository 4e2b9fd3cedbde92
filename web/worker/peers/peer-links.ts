// The page's connections to other pages: WebRTC, with the pool as the go-between until they stand.
// Only the page itself may make them; what is said over them is for its file Workers (sharing.ts).

import type { SignalMessage } from '../../protocol/messages';
import { hashOf } from './leaf-chooser';

export interface LinkEvents {
  signal(message: SignalMessage): void;
  opened(peer: string): void;
  closed(peer: string): void;
  message(peer: string, data: string | ArrayBuffer): void;
}

export interface LinkOptions {
  /** Null where this browser has no WebRTC. */
  make: (() => RTCPeerConnection) | null;
  later: (work: () => void, ms: number) => void;
  events: LinkEvents;
}

const kMine = 4; // Connections that this page begins.
const kMost = 8; // With those that others begin.
const kPatience = 10_000; // ms until a connection stands.
/** More in the browser's own queue would only be memory; less lets it run dry. */
const kHighWater = 256 * 1024;
const kMostQueued = 16 * 1024 * 1024;

interface Link {
  connection: RTCPeerConnection;
  channel: RTCDataChannel | null;
  mine: boolean;
  open: boolean;
  queue: (string | ArrayBuffer)[];
  queued: number;
  /** Candidates that came before the description that they belong to; null once that is there. */
  early: RTCIceCandidateInit[] | null;
  /** The same of this side: the other one must know the description first. */
  unsaid: string[] | null;
}

export class PeerLinks {
  private readonly links = new Map<string, Link>();
  /** Those with which it did not work, or that were dropped: not tried again. */
  private readonly refused = new Set<string>();
  private self = '';

  constructor(private readonly options: LinkOptions) {}

  get opened(): string[] {
    return [...this.links].filter(([, link]) => link.open).map(([peer]) => peer);
  }

  /** Connects to some of these: each page to others, so that all hang together. */
  told(self: string, peers: readonly string[]): void {
    this.self = self;
    const free = peers.filter((peer) => !this.links.has(peer) && !this.refused.has(peer));
    const order = (peer: string): number => hashOf([self, peer].sort().join(' '));
    free.sort((a, b) => order(a) - order(b));
    for (const peer of free) {
      if ([...this.links.values()].filter(({ mine }) => mine).length >= kMine) return;
      if (this.links.size >= kMost) return;
      void this.offer(peer);
    }
  }

  async signalled({ peer, kind, text }: SignalMessage): Promise<void> {
    try {
      if (kind === 'gone') this.close(peer, false);
      else if (kind === 'offer') await this.answer(peer, text);
      else if (kind === 'answer') await this.accept(peer, text);
      else await this.candidate(peer, text);
    } catch {
      this.drop(peer); // What it says makes no connection.
    }
  }

  send(peer: string, data: string | ArrayBuffer): void {
    const link = this.links.get(peer);
    if (!link?.open) return;
    link.queue.push(data);
    link.queued += typeof data === 'string' ? data.length : data.byteLength;
    // It wants more than it takes.
    if (link.queued > kMostQueued) this.drop(peer);
    else this.pump(link);
  }

  /** For good. */
  drop(peer: string): void {
    this.refused.add(peer);
    this.close(peer, true);
  }

  private async offer(peer: string): Promise<void> {
    const link = this.add(peer, true);
    if (!link) return;
    this.attach(peer, link, link.connection.createDataChannel('webpool'));
    try {
      await link.connection.setLocalDescription();
      this.describe(peer, 'offer', link);
    } catch {
      this.drop(peer);
    }
  }

  private async answer(peer: string, text: string): Promise<void> {
    const own = this.links.get(peer);
    if (own?.open) return;
    // Both began: the page whose name comes first stays with its offer.
    if (own?.mine && this.self !== '' && this.self < peer) return;
    if (own) this.close(peer, false);
    if (this.refused.has(peer) || this.links.size >= kMost) {
      this.options.events.signal({ type: 'signal', peer, kind: 'gone', text: '' });
      return;
    }
    const link = this.add(peer, false);
    if (!link) return;
    link.connection.ondatachannel = ({ channel }) => this.attach(peer, link, channel);
    await this.describeRemote(link, { type: 'offer', sdp: text });
    await link.connection.setLocalDescription();
    this.describe(peer, 'answer', link);
  }

  private async accept(peer: string, text: string): Promise<void> {
    const link = this.links.get(peer);
    if (link?.mine && !link.open) await this.describeRemote(link, { type: 'answer', sdp: text });
  }

  private async candidate(peer: string, text: string): Promise<void> {
    const link = this.links.get(peer);
    if (!link) return;
    const candidate = JSON.parse(text) as RTCIceCandidateInit;
    if (link.early) link.early.push(candidate);
    else await link.connection.addIceCandidate(candidate).catch(() => undefined); // One of several.
  }

  private async describeRemote(link: Link, of: RTCSessionDescriptionInit): Promise<void> {
    await link.connection.setRemoteDescription(of);
    const early = link.early ?? [];
    link.early = null;
    for (const candidate of early) {
      await link.connection.addIceCandidate(candidate).catch(() => undefined);
    }
  }

  private describe(peer: string, kind: 'offer' | 'answer', link: Link): void {
    const { signal } = this.options.events;
    signal({ type: 'signal', peer, kind, text: link.connection.localDescription?.sdp ?? '' });
    for (const text of link.unsaid ?? []) signal({ type: 'signal', peer, kind: 'candidate', text });
    link.unsaid = null;
  }

  private add(peer: string, mine: boolean): Link | null {
    const { make, later, events } = this.options;
    if (!make) return null;
    const connection = make();
    const link: Link = {
      connection,
      channel: null,
      mine,
      open: false,
      queue: [],
      queued: 0,
      early: [],
      unsaid: [],
    };
    this.links.set(peer, link);
    connection.onicecandidate = ({ candidate }) => {
      if (!candidate?.candidate || this.links.get(peer) !== link) return;
      const text = JSON.stringify(candidate.toJSON());
      if (link.unsaid) link.unsaid.push(text);
      else events.signal({ type: 'signal', peer, kind: 'candidate', text });
    };
    connection.onconnectionstatechange = () => {
      const { connectionState: state } = connection;
      if (this.links.get(peer) === link && (state === 'failed' || state === 'closed')) {
        this.drop(peer);
      }
    };
    later(() => {
      if (this.links.get(peer) === link && !link.open) this.drop(peer);
    }, kPatience);
    return link;
  }

  private attach(peer: string, link: Link, channel: RTCDataChannel): void {
    const { events } = this.options;
    link.channel = channel;
    channel.binaryType = 'arraybuffer';
    channel.bufferedAmountLowThreshold = kHighWater / 2;
    channel.onbufferedamountlow = () => this.pump(link);
    channel.onopen = () => {
      if (this.links.get(peer) !== link || link.open) return;
      link.open = true;
      events.opened(peer);
    };
    channel.onclose = () => {
      if (this.links.get(peer) === link) this.close(peer, false);
    };
    channel.onmessage = ({ data }) => {
      if (this.links.get(peer) === link) events.message(peer, data as string | ArrayBuffer);
    };
    if (channel.readyState === 'open') channel.onopen(new Event('open'));
  }

  private pump(link: Link): void {
    const { channel, queue } = link;
    while (channel?.readyState === 'open' && channel.bufferedAmount < kHighWater) {
      const data = queue.shift();
      if (data === undefined) return;
      link.queued -= typeof data === 'string' ? data.length : data.byteLength;
      if (typeof data === 'string') channel.send(data);
      else channel.send(data);
    }
  }

  private close(peer: string, say: boolean): void {
    const link = this.links.get(peer);
    if (!link) return;
    this.links.delete(peer);
    link.connection.close();
    if (say) this.options.events.signal({ type: 'signal', peer, kind: 'gone', text: '' });
    if (link.open) this.options.events.closed(peer);
  }
}
