import { describe, expect, it } from 'vitest';
import { type TokenRules, applyRules, choose, logSumExp, seededRandom } from './token-rules';

// Ten tokens: 0–4 text, 5 end, 6 "no timestamps", 7–9 timestamps.
const kRules: TokenRules = {
  end: 5,
  suppress: [1],
  suppressFirst: [5],
  timestamps: { first: 7, none: 6, latestBegin: 1 },
};

function allowed(said: number[], rules: TokenRules = kRules, logits?: number[]): number[] {
  // Text is likely, so that no timestamp is said for being likelier.
  const values = Float32Array.from(logits ?? [9, 9, 9, 9, 9, 9, 9, 0, 0, 0]);
  applyRules(values, said, rules);
  return [...values.keys()].filter((i) => values[i] !== -Infinity);
}

describe('applyRules', () => {
  it('suppresses, and more so at first', () => {
    const rules = { ...kRules, timestamps: null };
    expect(allowed([], rules)).toEqual([0, 2, 3, 4, 6, 7, 8, 9]);
    expect(allowed([2], rules)).toEqual([0, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('begins with an early timestamp', () => {
    expect(allowed([])).toEqual([7, 8]);
  });

  it('says text after the first timestamp', () => {
    expect(allowed([7])).toEqual([0, 2, 3, 4, 5]);
  });

  it('says text or a later timestamp after text', () => {
    expect(allowed([7, 2])).toEqual([0, 2, 3, 4, 5, 8, 9]);
  });

  it('ends or begins a span after the end of one, and never goes back', () => {
    expect(allowed([7, 2, 8])).toEqual([5, 8, 9]);
    expect(allowed([7, 2, 8, 8])).toEqual([0, 2, 3, 4, 5]);
  });

  it('says a timestamp where all of them together are likelier than any word', () => {
    const logits = [1, 1, 1, 1, 1, 1, 1, 0.5, 0.5, 0.5];
    expect(allowed([7, 2], kRules, logits)).toEqual([8, 9]);
  });
});

describe('choose', () => {
  const logits = Float32Array.from([0, 2, 1, -Infinity]);

  it('takes the likeliest', () => {
    const { token, logprob } = choose(logits, 0, () => 0);
    expect(token).toBe(1);
    expect(logprob).toBeCloseTo(2 - logSumExp(logits, 0, 4), 5);
  });

  it('draws the same with the same seed, and never what may not be said', () => {
    const draw = (seed: number): number[] => {
      const random = seededRandom(seed);
      return Array.from({ length: 50 }, () => choose(logits, 1, random).token);
    };
    expect(draw(3)).toEqual(draw(3));
    expect(draw(3)).not.toEqual(draw(4));
    expect(new Set(draw(3))).toEqual(new Set([0, 1, 2]));
  });
});
