import { beforeEach, describe, expect, it } from 'vitest';
import type { SignalMessage } from '../../protocol/messages';
import { PeerLinks } from './peer-links';

/** As much of a data channel as is used; two of them are joined by the fake connections. */
class FakeChannel {
  binaryType = '';
  bufferedAmount = 0;
  bufferedAmountLowThreshold = 0;
  readyState = 'connecting';
  other: FakeChannel | null = null;
  onopen: (() => void) | null = null;
  onclose: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onbufferedamountlow: (() => void) | null = null;

  /** Full: what is sent stays in the queue. */
  full = false;

  send(data: unknown): void {
    if (this.full) this.bufferedAmount += 1e6;
    this.other?.onmessage?.({ data });
  }
  open(): void {
    this.readyState = 'open';
    this.onopen?.();
  }
}

class FakeConnection {
  localDescription: { sdp: string } | null = null;
  connectionState = 'new';
  channel: FakeChannel | null = null;
  readonly candidates: unknown[] = [];
  remote = '';
  closed = false;
  onicecandidate: ((event: { candidate: unknown }) => void) | null = null;
  onconnectionstatechange: (() => void) | null = null;
  ondatachannel: ((event: { channel: FakeChannel }) => void) | null = null;

  constructor(readonly number: number) {}

  createDataChannel(): FakeChannel {
    this.channel = new FakeChannel();
    return this.channel;
  }
  async setLocalDescription(): Promise<void> {
    this.localDescription = { sdp: `sdp ${this.number}` };
    const init = { candidate: `candidate of ${this.number}` };
    this.onicecandidate?.({ candidate: { ...init, toJSON: () => init } });
  }
  async setRemoteDescription({ sdp }: { sdp: string }): Promise<void> {
    if (sdp === 'nonsense') throw new Error('no sdp');
    this.remote = sdp;
  }
  async addIceCandidate(candidate: unknown): Promise<void> {
    if (this.remote === '') throw new Error('too early');
    this.candidates.push(candidate);
  }
  close(): void {
    this.closed = true;
  }
}

class Page {
  readonly said: SignalMessage[] = [];
  readonly happened: string[] = [];
  readonly made: FakeConnection[] = [];
  late: (() => void)[] = [];
  readonly links = new PeerLinks({
    make: () => {
      this.made.push(new FakeConnection(this.made.length));
      return this.made.at(-1) as unknown as RTCPeerConnection;
    },
    later: (work) => void this.late.push(work),
    events: {
      signal: (message) => void this.said.push(message),
      opened: (peer) => void this.happened.push(`opened ${peer}`),
      closed: (peer) => void this.happened.push(`closed ${peer}`),
      message: (peer, data) => void this.happened.push(`${peer}: ${String(data)}`),
    },
  });

  constructor(readonly name: string) {}
  get kinds(): string[] {
    return this.said.map(({ peer, kind }) => `${kind} ${peer}`);
  }
}

const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

/** The pool in between: hands on what they say until they say no more. */
async function relay(a: Page, b: Page): Promise<void> {
  for (let i = 0; i < 20; ++i) {
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      for (const message of from.said.splice(0)) {
        await to.links.signalled({ ...message, peer: from.name });
      }
    }
    await settle();
  }
}

/** What ICE does once both sides know each other. */
function open(a: FakeConnection, b: FakeConnection): [FakeChannel, FakeChannel] {
  const [mine, yours] = [a.channel!, new FakeChannel()];
  mine.other = yours;
  yours.other = mine;
  b.ondatachannel?.({ channel: yours });
  mine.open();
  yours.open();
  return [mine, yours];
}

describe('PeerLinks', () => {
  let a: Page;
  let b: Page;
  beforeEach(() => {
    a = new Page('a.1');
    b = new Page('b.2');
  });

  it('connects two pages by what the pool hands on', async () => {
    a.links.told('a.1', ['b.2']);
    await settle();
    expect(a.kinds).toEqual(['offer b.2', 'candidate b.2']);
    await relay(a, b);
    expect([a.made[0]!.remote, b.made[0]!.remote]).toEqual(['sdp 0', 'sdp 0']);
    for (const { made } of [a, b]) {
      expect(made[0]!.candidates).toEqual([{ candidate: 'candidate of 0' }]);
    }
    open(a.made[0]!, b.made[0]!);
    expect([a.links.opened, b.links.opened]).toEqual([['b.2'], ['a.1']]);
    a.links.send('b.2', 'hello');
    expect(b.happened).toEqual(['opened a.1', 'a.1: hello']);
    b.links.drop('a.1');
    expect(b.happened.at(-1)).toBe('closed a.1');
    await relay(a, b);
    expect(a.happened.at(-1)).toBe('closed b.2');
    expect([a.made[0]!.closed, b.made[0]!.closed]).toEqual([true, true]);
  });

  it('makes one connection of two offers', async () => {
    a.links.told('a.1', ['b.2']);
    b.links.told('b.2', ['a.1']);
    await settle();
    await relay(a, b);
    const standing = [...a.made, ...b.made].filter(({ closed }) => !closed);
    expect(standing).toHaveLength(2);
    expect(a.made).toHaveLength(1); // Its name comes first.
    expect(b.made).toHaveLength(2);
    open(a.made[0]!, b.made[1]!);
    expect([a.links.opened, b.links.opened]).toEqual([['b.2'], ['a.1']]);
  });

  it('begins at most four, and takes at most eight', async () => {
    const many = [...Array(12).keys()].map((i) => `c.${i}`);
    a.links.told('a.1', many);
    await settle();
    expect(a.made).toHaveLength(4);
    for (let i = 0; i < 6; ++i) {
      await a.links.signalled({ type: 'signal', peer: `d.${i}`, kind: 'offer', text: 'sdp' });
    }
    expect(a.made).toHaveLength(8);
    expect(a.kinds.filter((what) => what.startsWith('gone'))).toEqual(['gone d.4', 'gone d.5']);
  });

  it('gives up what does not stand in time, and does not try it again', async () => {
    a.links.told('a.1', ['b.2']);
    await settle();
    for (const work of a.late) work();
    expect(a.made[0]!.closed).toBe(true);
    a.links.told('a.1', ['b.2']);
    await settle();
    expect(a.made).toHaveLength(1);
    expect(a.happened).toEqual([]);
  });

  it.each([
    ['offer', 'nonsense'],
    ['candidate', '{'],
  ] as const)('drops a page whose %s is nonsense', async (kind, text) => {
    await a.links.signalled({ type: 'signal', peer: 'b.2', kind: 'offer', text: 'sdp' });
    if (kind === 'offer') await a.links.signalled({ type: 'signal', peer: 'b.3', kind, text });
    else await a.links.signalled({ type: 'signal', peer: 'b.2', kind, text });
    const dropped = kind === 'offer' ? a.made[1]! : a.made[0]!;
    expect(dropped.closed).toBe(true);
    expect(a.kinds.at(-1)).toMatch(/^gone /);
  });

  it('waits while the browser has enough to send, and drops who does not take it', async () => {
    a.links.told('a.1', ['b.2']);
    await settle();
    await relay(a, b);
    const [channel] = open(a.made[0]!, b.made[0]!);
    channel.full = true;
    a.links.send('b.2', 'first');
    a.links.send('b.2', 'second');
    expect(b.happened.at(-1)).toBe('a.1: first');
    channel.bufferedAmount = 0;
    channel.onbufferedamountlow?.();
    expect(b.happened.at(-1)).toBe('a.1: second');
    for (let i = 0; i < 17; ++i) a.links.send('b.2', new ArrayBuffer(1024 * 1024));
    expect(a.made[0]!.closed).toBe(true);
  });

  it('does without where the browser has no WebRTC', async () => {
    const events = { signal: () => undefined, opened: () => undefined };
    const more = { closed: () => undefined, message: () => undefined };
    const none = new PeerLinks({ make: null, later: () => undefined, events: { ...events, ...more } });
    none.told('a.1', ['b.2']);
    await none.signalled({ type: 'signal', peer: 'b.2', kind: 'offer', text: 'sdp' });
    expect(none.opened).toEqual([]);
  });
});
