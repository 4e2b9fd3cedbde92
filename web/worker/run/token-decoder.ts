// A decoder graph with a cache, as Optimum exports it ("decoder_model_merged"): one token after
// another, without computing those before it again.

import * as ort from 'onnxruntime-web/webgpu';
import { PoolError } from '../error';

const kPast = /^past_key_values\.(.*)$/;

export class TokenDecoder {
  private cache: Record<string, ort.Tensor> = {};

  /** `states`: what the encoder gave, [1, frames, width]. */
  constructor(
    private readonly session: ort.InferenceSession,
    private readonly states: ort.Tensor,
  ) {}

  /** Throws PoolError `unsupported` for a graph of another kind. */
  static check({ inputNames, outputNames }: ort.InferenceSession): void {
    const needed = ['input_ids', 'encoder_hidden_states', 'use_cache_branch'];
    const missing = needed.filter((name) => !inputNames.includes(name));
    if (!inputNames.some((name) => kPast.test(name))) missing.push('past_key_values.…');
    if (!outputNames.includes('logits')) missing.push('logits');
    if (missing.length === 0) return;
    throw new PoolError(
      'unsupported',
      `the decoder has no ${missing.join(', ')}: it is no decoder_model_merged with a cache`,
      'export the model with its merged decoder',
    );
  }

  /** Computes the first tokens at once; returns the logits after each, by its index. */
  async begin(tokens: readonly number[]): Promise<(index: number) => Float32Array> {
    for (const meta of this.session.inputMetadata) {
      const name = kPast.exec(meta.name)?.[1];
      if (!name || !meta.isTensor) continue;
      const dims = meta.shape.map((size, axis) => (typeof size === 'number' ? size : axis ? 0 : 1));
      this.cache[name] = new ort.Tensor('float32', new Float32Array(0), dims);
    }
    const logits = await this.run(tokens, false);
    const width = logits.dims[2] ?? 0;
    const all = logits.data as Float32Array;
    return (index) => all.slice(index * width, (index + 1) * width);
  }

  /** The logits after one more token. */
  async next(token: number): Promise<Float32Array> {
    return (await this.run([token], true)).data as Float32Array;
  }

  private async run(tokens: readonly number[], cached: boolean): Promise<ort.Tensor> {
    const feeds: Record<string, ort.Tensor> = {
      input_ids: new ort.Tensor('int64', BigInt64Array.from(tokens, BigInt), [1, tokens.length]),
      encoder_hidden_states: this.states,
      use_cache_branch: new ort.Tensor('bool', Uint8Array.of(cached ? 1 : 0), [1]),
    };
    for (const [name, tensor] of Object.entries(this.cache)) {
      feeds[`past_key_values.${name}`] = tensor;
    }
    // What it makes of the encoder's states stays the same: it is taken once.
    const renewed = Object.keys(this.cache).filter((name) => !cached || !/encoder/.test(name));
    const wanted = ['logits', ...renewed.map((name) => `present.${name}`)];
    const results = await this.session.run(feeds, wanted);
    for (const name of renewed) this.cache[name] = results[`present.${name}`] as ort.Tensor;
    return results['logits'] as ort.Tensor;
  }
}
