// Text models on a backend that wants fixed shapes (WebNN): one session for each length of a few.
// A row of tokens goes, padded, through the shortest session that holds it, whatever the length of
// the texts that came with it.

import * as ort from 'onnxruntime-web/webgpu';
import { PoolError } from '../error';

/** Each costs a session of its own, made when a text first needs it. */
export const kLengths = [32, 128, 512] as const;
/** The one that is made while the model is loaded. */
export const kFirstLength = 128;

export type Feeds = Record<string, ort.Tensor>;
export type RunSession = (feeds: Feeds) => Promise<Record<string, ort.Tensor>>;

/** The shortest length that holds so many tokens. Throws PoolError `unsupported`. */
export function lengthFor(tokens: number): number {
  const length = kLengths.find((one) => one >= tokens);
  if (length !== undefined) return length;
  throw new PoolError(
    'unsupported',
    `a text of ${tokens} tokens is longer than this backend was given sessions for ` +
      `(${kLengths.at(-1)})`,
    'send shorter texts, or use the wasm or the webgpu backend',
  );
}

/** Throws PoolError `unsupported` where the inputs are not all [rows, tokens]. */
export function checkTokenInputs(inputs: ReadonlyMap<string, (number | string)[]>): void {
  const odd = [...inputs].find(([, dimensions]) => dimensions.length !== 2);
  if (!odd) return;
  throw new PoolError(
    'unsupported',
    `this backend needs fixed shapes, and the input "${odd[0]}" is not [rows, tokens]`,
    'use the wasm or the webgpu backend',
  );
}

/** Tokens of a row up to the last that the mask [rows, tokens] does not hide; at least one. */
export function tokensOfRow(mask: ort.Tensor | undefined, row: number, tokens: number): number {
  if (!mask) return tokens;
  const data = mask.data as BigInt64Array;
  let length = tokens;
  while (length > 1 && Number(data[row * tokens + length - 1]) === 0) --length;
  return length;
}

/** Row `row` of a tensor [rows, tokens] as [1, length], cut or with zeros behind. */
export function paddedRow(tensor: ort.Tensor, row: number, length: number): ort.Tensor {
  const tokens = tensor.dims[1] ?? 0;
  const source = tensor.data as BigInt64Array;
  const data = new (source.constructor as BigInt64ArrayConstructor)(length);
  data.set(source.subarray(row * tokens, row * tokens + Math.min(tokens, length)));
  return new ort.Tensor(tensor.type as 'int64', data, [1, length]);
}

/** The states [1, length, d] of each row as one [rows, tokens, d]; zeros where a row has fewer. */
export function joinedRows(rows: readonly ort.Tensor[], tokens: number): ort.Tensor {
  const width = rows[0]?.dims[2] ?? 0;
  const data = new Float32Array(rows.length * tokens * width);
  rows.forEach((states, row) => {
    const kept = (states.data as Float32Array).subarray(0, tokens * width);
    data.set(kept, row * tokens * width);
  });
  return new ort.Tensor('float32', data, [rows.length, tokens, width]);
}

export class TokenBuckets {
  private readonly sessions = new Map<number, Promise<RunSession>>();

  /** `make` makes the session of one length. */
  constructor(private readonly make: (length: number) => Promise<RunSession>) {}

  /** Gives a session that is there already. */
  have(length: number, session: RunSession): void {
    this.sessions.set(length, Promise.resolve(session));
  }

  /** Runs row by row; `output` is the name of the states among the session's outputs. */
  async run(feeds: Feeds, output: string): Promise<ort.Tensor> {
    const entries = Object.entries(feeds);
    const [count = 0, tokens = 0] = entries[0]?.[1].dims ?? [];
    const rows: ort.Tensor[] = [];
    for (let row = 0; row < count; ++row) {
      const length = lengthFor(tokensOfRow(feeds['attention_mask'], row, tokens));
      const session = await this.session(length);
      const padded = entries.map(([name, tensor]) => [name, paddedRow(tensor, row, length)]);
      const states = (await session(Object.fromEntries(padded) as Feeds))[output];
      if (!states) throw new PoolError('internal', `ONNX Runtime returned no output "${output}"`);
      rows.push(states);
    }
    return joinedRows(rows, tokens);
  }

  private session(length: number): Promise<RunSession> {
    let session = this.sessions.get(length);
    if (!session) {
      session = this.make(length);
      this.sessions.set(length, session);
      session.catch(() => this.sessions.delete(length)); // The next text may try again.
    }
    return session;
  }
}
