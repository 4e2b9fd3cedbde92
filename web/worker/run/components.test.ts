import { beforeEach, describe, expect, it } from 'vitest';
import { PoolError } from '../error';
import { type Arrivals, Components } from './components';
import type { ModelFiles } from './engine';

const bytes = (number: number, body: number[]): number[] => [number * 8 + 2, body.length, ...body];
const text = (number: number, value: string): number[] => bytes(number, [...Buffer.from(value)]);

/** A graph whose weights lie in that file. */
function graphWith(location?: string): Uint8Array<ArrayBuffer> {
  const entry = location ? bytes(13, [...text(1, 'location'), ...text(2, location)]) : [];
  return new Uint8Array([8, 8, ...bytes(7, bytes(5, [0x10, 1, ...entry]))]);
}

/** Files that come when the test says so. */
class FakeArrivals implements Arrivals {
  readonly present: ModelFiles = new Map();
  private readonly times = new Map<string, number>();
  private readonly waiting = new Map<string, (bytes: Uint8Array<ArrayBuffer>) => void>();

  constructor(private readonly now: () => number) {}

  file(path: string): Promise<Uint8Array<ArrayBuffer>> {
    const there = this.present.get(path);
    if (there) return Promise.resolve(there);
    return new Promise((resolve) => this.waiting.set(path, resolve));
  }
  arrivedAt(path: string): number {
    return this.times.get(path) ?? NaN;
  }
  async come(path: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    this.present.set(path, bytes);
    this.times.set(path, this.now());
    this.waiting.get(path)?.(bytes);
    await settle();
  }
}

const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

describe('Components', () => {
  const paths = [
    'onnx/decoder_model_merged_q8.onnx',
    'onnx/encoder_model.onnx',
    'onnx/encoder_model.onnx_data',
    'config.json',
  ];
  const names = ['encoder_model', 'decoder_model_merged'];
  let clock: number;
  let happened: string[];
  let arrivals: FakeArrivals;
  let components: Components;

  beforeEach(() => {
    clock = 0;
    happened = [];
    arrivals = new FakeArrivals(() => clock);
    components = new Components({
      task: 'automatic-speech-recognition',
      paths,
      arrivals,
      now: () => clock,
      check: () => undefined,
      ready: async () => undefined,
    });
  });

  const makeAll = (): Promise<void> =>
    components.forEach(names, async (name, graph) => {
      const weights = graph.externalData.map(({ path }) => path);
      happened.push([`${name} begun`, ...weights].join(' with '));
      clock += 10;
      await Promise.resolve();
      happened.push(`${name} ready`);
    });

  it('begins with a graph whose bytes are there while the other still comes', async () => {
    const all = makeAll();
    clock = 5;
    await arrivals.come(paths[1]!, graphWith('encoder_model.onnx_data'));
    expect(happened).toEqual([]); // Its weights are missing.
    clock = 7;
    await arrivals.come(paths[2]!, new Uint8Array(3));
    const encoder = ['encoder_model begun with encoder_model.onnx_data', 'encoder_model ready'];
    expect(happened).toEqual(encoder);
    expect([...arrivals.present.keys()]).toEqual([]); // Its bytes are let go.
    clock = 100;
    await arrivals.come(paths[0]!, graphWith());
    await all;
    expect(happened).toEqual([
      ...encoder,
      'decoder_model_merged begun',
      'decoder_model_merged ready',
    ]);
    expect(components.timings).toEqual([
      { name: 'encoder_model', complete_ms: 7, begun_ms: 7, ready_ms: 17 },
      { name: 'decoder_model_merged', complete_ms: 100, begun_ms: 100, ready_ms: 110 },
    ]);
  });

  it('makes one session at a time, in the order of their completeness', async () => {
    const all = makeAll();
    await arrivals.come(paths[1]!, graphWith('encoder_model.onnx_data'));
    const decoder = arrivals.come(paths[0]!, graphWith());
    const weights = arrivals.come(paths[2]!, new Uint8Array(3));
    await Promise.all([all, decoder, weights]);
    expect(happened.map((what) => what.split(' with ')[0])).toEqual([
      'decoder_model_merged begun',
      'decoder_model_merged ready',
      'encoder_model begun',
      'encoder_model ready',
    ]);
  });

  it('makes no further session after one that failed', async () => {
    const made: string[] = [];
    const all = components.forEach(names, async (name) => {
      made.push(name);
      throw new PoolError('out_of_memory', 'too large');
    });
    const refused = expect(all).rejects.toMatchObject({ category: 'out_of_memory' });
    await arrivals.come(paths[0]!, graphWith());
    await arrivals.come(paths[1]!, graphWith());
    await refused;
    expect(made).toEqual(['decoder_model_merged']);
  });

  it('names a graph that is missing before it waits for any', async () => {
    await expect(components.forEach(['vision_encoder'], async () => undefined)).rejects.toMatchObject({
      category: 'invalid_model',
      message: expect.stringContaining('vision_encoder'),
    });
  });
});
