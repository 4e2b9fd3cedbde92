// The pool's side of the cache: bytes and blocks by HTTP from the page's own origin. Nothing here
// is trusted; the cache hashes what it gets.

import { within } from '../deadline';
import { PoolError, errorText } from '../error';
import type { Cid } from './cid';

/** False: no more is wanted. */
export type Sink = (piece: Uint8Array) => boolean | void;

export interface Source {
  /** A block as it is hashed. */
  block(cid: Cid): Promise<Uint8Array>;
  /**
   * Bytes [start, end) of the file, handed over in order as they come; a piece is overwritten after
   * `sink` returns. `fresh` goes past every HTTP cache. Ends when all bytes came, or `sink` wants no
   * more; throws PoolError `fetch` otherwise.
   */
  range(
    cid: Cid,
    start: number,
    end: number,
    fresh: boolean,
    sink: Sink,
  ): Promise<void>;
}

export type FetchFunction = (url: string, options: RequestInit) => Promise<Response>;

/** Model bytes have a store of their own: a second copy in the HTTP cache would cost disk only. */
const kNoCopy: RequestCache = 'no-store';

const kPiece = 1024 * 1024;

interface Body {
  /** The next bytes, until they are asked for again; undefined at the end. */
  next(): Promise<Uint8Array | undefined>;
  cancel(): Promise<void>;
}

/**
 * Reads into one buffer again and again where the browser can: memory that is new for each piece
 * costs about as much time as the copy out of it.
 */
function openBody(body: ReadableStream<Uint8Array>): Body {
  let reader: ReadableStreamBYOBReader;
  try {
    reader = body.getReader({ mode: 'byob' });
  } catch {
    const simple = body.getReader();
    return { next: async () => (await simple.read()).value, cancel: () => simple.cancel() };
  }
  let buffer = new ArrayBuffer(kPiece);
  return {
    next: async () => {
      const { done, value } = await reader.read(new Uint8Array(buffer));
      if (done || !value) return undefined;
      buffer = value.buffer;
      return value;
    },
    cancel: () => reader.cancel(),
  };
}

export class HttpSource implements Source {
  constructor(
    private readonly origin: string,
    private readonly fetch: FetchFunction,
    /** Longest wait for the next bytes. */
    private readonly patience = 30_000,
  ) {}

  async block(cid: Cid): Promise<Uint8Array> {
    const response = await this.ask(`/ipfs/${cid.text}?format=raw`, {
      headers: { accept: 'application/vnd.ipld.raw' },
      cache: kNoCopy,
    });
    return new Uint8Array(await this.prompt(response.arrayBuffer()));
  }

  async range(
    cid: Cid,
    start: number,
    end: number,
    fresh: boolean,
    sink: Sink,
  ): Promise<void> {
    const response = await this.ask(`/ipfs/${cid.text}`, {
      headers: { range: `bytes=${start}-${end - 1}` },
      cache: fresh ? 'reload' : kNoCopy,
    });
    if (response.status !== 206 && start !== 0) {
      throw new PoolError('fetch', `the pool answered a range of ${cid.text} with the whole file`);
    }
    let left = end - start;
    const body = response.body && openBody(response.body);
    while (body && left > 0) {
      const value = await this.prompt(body.next()).catch((thrown: unknown) => {
        void body.cancel().catch(() => undefined);
        throw new PoolError('fetch', `reading ${cid.text} broke off: ${errorText(thrown)}`);
      });
      if (!value) break;
      const more = sink(value.length > left ? value.subarray(0, left) : value);
      left = more === false ? 0 : left - Math.min(left, value.length);
    }
    if (left > 0) {
      throw new PoolError('fetch', `the pool sent ${left} bytes of ${cid.text} too few`);
    }
    await body?.cancel().catch(() => undefined);
  }

  private prompt<T>(work: Promise<T>): Promise<T> {
    const late = (): Error => new Error(`nothing came for ${this.patience} ms`);
    return within(this.patience, work, late);
  }

  private async ask(path: string, options: RequestInit): Promise<Response> {
    let response: Response;
    try {
      response = await this.prompt(
        this.fetch(this.origin + path, { ...options, credentials: 'same-origin', redirect: 'error' }),
      );
    } catch (thrown) {
      throw new PoolError('fetch', `GET ${path} failed: ${errorText(thrown)}`);
    }
    if (!response.ok) {
      const missing = response.status === 404;
      throw new PoolError(
        missing ? 'not_found' : 'fetch',
        `GET ${path} answered ${response.status}`,
        missing ? 'the model was removed from the store meanwhile: add it again' : '',
      );
    }
    return response;
  }
}
