// The page's WebSocket through its breaks: says hello, connects again within the grace time, and
// knows when the session is over.

import { FrameBuffer, ProtocolError } from '../../protocol/frame';
import { LIMITS, type Limits } from '../../protocol/limits';
import {
  type PageMessage,
  type PoolMessage,
  decodeMessage,
  encodeMessage,
} from '../../protocol/messages';
import type { Capabilities } from '../../protocol/values';
import { errorText } from '../error';

export interface ConnectionEvents {
  /** Called at each `welcome`, the first one and those after a break. */
  welcomed(open: readonly number[]): void;
  message(message: PoolMessage, receivedAt: number): void;
  /** The session is over. `lost` where it should not have been. */
  ended(why: string, lost: boolean): void;
  known(): number[];
}

export interface ConnectionOptions {
  url: string;
  token: string;
  pageVersion: string;
  capabilities: Promise<Capabilities>;
  events: ConnectionEvents;
  open: (url: string) => WebSocket;
  now: () => number;
  later: (work: () => void, ms: number) => void;
}

/** Close codes after which no one waits for this page (docs/protocol.md, "Session"). */
const kFinal = new Map([
  [1000, 'the pool is done'],
  [4400, 'the pool saw a protocol error'],
  [4401, 'the pool did not accept the token'],
  [4408, 'the pool missed the heartbeat'],
  [4409, 'a newer connection took over'],
  [4413, 'a frame was too large'],
]);
const kFirstRetry = 50; // ms
const kLongestRetry = 2000; // ms
const kGraceBeforeWelcome = 5000; // ms

export class Connection {
  private socket: WebSocket | null = null;
  private ready = false;
  private over = false;
  private session = '';
  private grace = kGraceBeforeWelcome;
  private brokenSince: number | null = null;
  private retry = kFirstRetry;
  private limits: Limits = LIMITS;
  private readonly buffer = new FrameBuffer();

  constructor(private readonly options: ConnectionOptions) {}

  connect(): void {
    const socket = this.options.open(this.options.url);
    socket.binaryType = 'arraybuffer';
    this.socket = socket;
    this.ready = false;
    socket.onopen = () => void this.hello(socket);
    socket.onmessage = (event) => {
      if (socket === this.socket) this.receive(socket, event.data as unknown);
    };
    socket.onclose = (event) => {
      if (socket === this.socket) this.closed(event.code, event.reason);
    };
  }

  /** Drops the message where no connection is open. Throws a RangeError where it is too large. */
  send(message: PageMessage): void {
    if (!this.ready || !this.socket) return;
    this.socket.send(encodeMessage(message, this.buffer, this.limits));
  }

  private async hello(socket: WebSocket): Promise<void> {
    const { token, pageVersion, capabilities, events } = this.options;
    const known = capabilities.then((found) => {
      if (socket !== this.socket || socket.readyState !== WebSocket.OPEN) return;
      socket.send(
        encodeMessage({
          type: 'hello',
          token,
          resume: this.session,
          known: this.session ? events.known() : [],
          page_version: pageVersion,
          capabilities: found,
        }),
      );
    });
    await known;
  }

  private receive(socket: WebSocket, data: unknown): void {
    const receivedAt = this.options.now();
    let message: PoolMessage | undefined;
    try {
      if (!(data instanceof ArrayBuffer)) throw new ProtocolError('bad_message', 'a text message');
      message = decodeMessage(data, this.limits);
    } catch (thrown) {
      socket.close(4400, errorText(thrown).slice(0, 120));
      this.end(`the pool broke the protocol: ${errorText(thrown)}`, true);
      return;
    }
    if (!message) return;
    if (message.type === 'welcome') {
      this.session = message.session;
      this.grace = message.grace_ms;
      this.limits = { ...LIMITS, maxFrame: Math.min(LIMITS.maxFrame, message.max_frame_size) };
      this.ready = true;
      this.brokenSince = null;
      this.retry = kFirstRetry;
      this.options.events.welcomed(message.open);
    } else if (message.type === 'close') {
      socket.close(1000, 'closed by the pool');
      this.end(message.reason || 'the pool is done', false);
      return;
    }
    this.options.events.message(message, receivedAt);
  }

  private closed(code: number, reason: string): void {
    this.ready = false;
    const final = kFinal.get(code);
    if (final) {
      this.end(reason ? `${final}: ${reason}` : final, code !== 1000);
      return;
    }
    this.brokenSince ??= this.options.now();
    if (this.options.now() - this.brokenSince >= this.grace) {
      this.end('the pool can no longer be reached', true);
      return;
    }
    this.options.later(() => {
      if (!this.over) this.connect();
    }, this.retry);
    this.retry = Math.min(this.retry * 2, kLongestRetry);
  }

  private end(why: string, lost: boolean): void {
    if (this.over) return;
    this.over = true;
    this.socket = null;
    this.options.events.ended(why, lost);
  }
}
