// What the consent page asks of the machine that it came from. docs/joining.md has the exchanges.

export interface OfferedModel {
  name: string;
  dtype: string;
  bytes: number;
}

export interface Offer {
  machine: string;
  models: OfferedModel[];
}

export interface Admission {
  /** Names this device in later requests; a secret. */
  device: string;
  /** For the worker page, once. */
  token: string;
  label: string;
}

export interface DeviceState {
  state: 'connecting' | 'joined';
  accepting: boolean;
  /** Jobs that wait or run here; from here on only when joined. */
  running?: number;
  models?: { name: string; backend: string; runs: number; open: number }[];
  memory?: { wasm: number | null; gpu: number | null };
}

/** The machine answered, and the answer is no. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly category: string,
    message: string,
    readonly hint: string,
  ) {
    super(message);
  }
}

export type Post = (url: string, init: RequestInit) => Promise<Response>;

export class JoinApi {
  constructor(private readonly post: Post = (url, init) => fetch(url, init)) {}

  offer(key: string): Promise<Offer> {
    return this.ask('offer', { key });
  }

  join(key: string): Promise<Admission> {
    return this.ask('device', { key });
  }

  state(device: string): Promise<DeviceState> {
    return this.ask('state', { device });
  }

  setAccepting(device: string, accepting: boolean): Promise<{ accepting: boolean }> {
    return this.ask('availability', { device, accepting });
  }

  /** Also when the page is going away. */
  leave(device: string): Promise<unknown> {
    return this.ask('leave', { device }, true);
  }

  private async ask<T>(what: string, body: object, keepalive = false): Promise<T> {
    const response = await this.post(`/join/${what}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      cache: 'no-store',
      keepalive,
    });
    const answer = (await response.json().catch(() => ({}))) as T & {
      error?: { category?: string; message?: string; hint?: string };
    };
    if (response.ok) return answer;
    const { category = 'internal', message = `HTTP ${response.status}`, hint = '' } =
      answer.error ?? {};
    throw new Refusal(response.status, category, message, hint);
  }
}
