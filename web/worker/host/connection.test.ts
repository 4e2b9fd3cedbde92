import { beforeEach, describe, expect, it } from 'vitest';
import { decodeFrame, encodeFrame } from '../../protocol/frame';
import { Connection } from './connection';
import { capabilities } from './fakes.test-util';

class FakeSocket {
  binaryType = '';
  readyState = 1;
  readonly sent: Record<string, unknown>[] = [];
  closedWith: [number, string] | null = null;
  onopen: () => void = () => undefined;
  onmessage: (event: { data: unknown }) => void = () => undefined;
  onclose: (event: { code: number; reason: string }) => void = () => undefined;

  send(bytes: Uint8Array): void {
    this.sent.push(decodeFrame(bytes.slice()).header);
  }

  close(code: number, reason: string): void {
    this.closedWith = [code, reason];
  }

  tell(header: Record<string, unknown>): void {
    this.onmessage({ data: encodeFrame(header as never).slice().buffer });
  }
}

describe('Connection', () => {
  let sockets: FakeSocket[];
  let log: string[];
  let now: number;
  let timers: [() => void, number][];
  let connection: Connection;

  const kWelcome = {
    type: 'welcome',
    protocol: 1,
    session: 's1',
    heartbeat_ms: 1000,
    grace_ms: 3000,
    max_frame_size: 4096,
    open: [4],
  };
  const socket = (): FakeSocket => sockets.at(-1)!;
  const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));
  const greet = async (): Promise<void> => {
    socket().onopen();
    await settle();
    socket().tell(kWelcome);
  };

  beforeEach(() => {
    sockets = [];
    log = [];
    now = 0;
    timers = [];
    Object.assign(globalThis, { WebSocket: { OPEN: 1 } });
    connection = new Connection({
      url: 'ws://127.0.0.1:1/worker/socket',
      token: 'ab12',
      pageVersion: '1',
      capabilities: Promise.resolve(capabilities),
      open: () => {
        sockets.push(new FakeSocket());
        return socket() as unknown as WebSocket;
      },
      now: () => now,
      later: (work, ms) => timers.push([work, ms]),
      events: {
        welcomed: (open) => log.push(`welcomed ${open}`),
        message: (message) => log.push(message.type),
        ended: (why, lost) => log.push(`ended ${lost}: ${why}`),
        known: () => [4, 5],
      },
    });
    connection.connect();
  });

  it('says hello first, with the token and nothing to resume', async () => {
    socket().onopen();
    await settle();
    expect(socket().sent).toEqual([
      expect.objectContaining({ type: 'hello', protocol: 1, token: 'ab12', resume: '', known: [] }),
    ]);
  });

  it('sends nothing before the welcome', async () => {
    connection.send({ type: 'pong', id: 1 });
    await greet();
    connection.send({ type: 'pong', id: 2 });
    expect(socket().sent.map((header) => header['type'])).toEqual(['hello', 'pong']);
    expect(log[0]).toBe('welcomed 4');
  });

  it('connects again after a break and resumes its session', async () => {
    await greet();
    socket().onclose({ code: 1006, reason: '' });
    connection.send({ type: 'pong', id: 1 });
    expect(timers.map(([, ms]) => ms)).toEqual([50]);
    timers[0]![0]();
    await greet();
    expect(socket().sent).toEqual([
      expect.objectContaining({ type: 'hello', token: 'ab12', resume: 's1', known: [4, 5] }),
    ]);
    expect(sockets).toHaveLength(2);
  });

  it('drops what still comes from the old connection', async () => {
    await greet();
    const [old] = sockets;
    old!.onclose({ code: 1006, reason: '' });
    timers[0]![0]();
    log.length = 0;
    old!.tell({ type: 'ping', id: 1 });
    expect(log).toEqual([]);
  });

  it('gives up when the grace time is over', async () => {
    await greet();
    socket().onclose({ code: 1006, reason: '' });
    now = 2999;
    timers.at(-1)![0]();
    socket().onclose({ code: 1006, reason: '' });
    expect(timers.map(([, ms]) => ms)).toEqual([50, 100]);
    now = 3000;
    timers.at(-1)![0]();
    socket().onclose({ code: 1006, reason: '' });
    expect(log.at(-1)).toMatch(/^ended true/);
  });

  it.each([
    [1000, 'false'],
    [4400, 'true'],
    [4401, 'true'],
    [4408, 'true'],
    [4409, 'true'],
    [4413, 'true'],
  ])('does not come back after close code %i', async (code, lost) => {
    await greet();
    socket().onclose({ code, reason: '' });
    expect(timers).toEqual([]);
    expect(log.at(-1)).toMatch(new RegExp(`^ended ${lost}`));
  });

  it('closes with 4400 and the reason on a frame that breaks a rule', async () => {
    await greet();
    socket().onmessage({ data: new Uint8Array(20).buffer });
    expect(socket().closedWith).toEqual([4400, expect.stringMatching(/^bad_magic/)]);
    expect(log.at(-1)).toMatch(/^ended true: the pool broke the protocol/);
  });

  it('takes a text message for a breach', async () => {
    await greet();
    socket().onmessage({ data: 'hello' });
    expect(socket().closedWith?.[0]).toBe(4400);
  });

  it('ignores a message of a newer pool', async () => {
    await greet();
    log.length = 0;
    socket().tell({ type: 'news', id: 1 });
    expect(log).toEqual([]);
  });

  it('ends when the pool says close', async () => {
    await greet();
    socket().tell({ type: 'close', reason: 'done' });
    expect(socket().closedWith?.[0]).toBe(1000);
    expect(log.at(-1)).toBe('ended false: done');
  });

  it('refuses to send more than the pool takes', async () => {
    await greet();
    const outputs = [
      { name: 'x', datatype: 'UINT8' as const, shape: [5000], data: new Uint8Array(5000) },
    ];
    const timings = { queue_ms: 0, run_ms: 0 };
    expect(() => connection.send({ type: 'result', id: 1, outputs, timings })).toThrow(RangeError);
  });
});
