import { describe, expect, it } from 'vitest';
import { PoolError } from '../error';
import { type WantedOutput, outputOfHead } from './head-output';

const wanted = (more: Partial<WantedOutput> = {}): WantedOutput => ({
  model: 'minilm',
  task: 'text-classification',
  names: ['logits'],
  rank: 2,
  counts: 'labels',
  ...more,
});
const labels = { id2label: { '0': 'no', '1': 'yes' } };

describe('outputOfHead', () => {
  it('takes what is named logits, and else what has as many dimensions', () => {
    const logits = { name: 'logits', dims: [1, 2] };
    const other = { name: 'output_0', dims: [1, 2] };
    expect(outputOfHead([other, logits], wanted(), labels)).toBe('logits');
    expect(outputOfHead([{ name: 'x', dims: [1, 9, 2] }, other], wanted(), labels)).toBe('output_0');
  });

  it('takes states for no logits, even where the widths agree', () => {
    const states = [
      { name: 'last_hidden_state', dims: [1, 9, 2] },
      { name: 'sentence_embedding', dims: [1, 2] },
    ];
    expect(() => outputOfHead(states, wanted(), labels)).toThrow(
      'minilm gives last_hidden_state [1,9,2], sentence_embedding [1,2], and text-classification ' +
        'needs logits of 2 dimensions',
    );
    expect(() => outputOfHead(states, wanted({ rank: 3 }), labels)).toThrow('needs logits');
    const scores = { name: 'scores', dims: [1, 2] };
    expect(outputOfHead([...states, scores], wanted(), labels)).toBe('scores');
  });

  it('compares the width with the labels that the configuration names', () => {
    const one = [{ name: 'logits', dims: [1, 384] }];
    expect(() => outputOfHead(one, wanted(), labels)).toThrow('needs 2 labels, as its config.json');
    expect(() => outputOfHead(one, wanted(), { num_labels: 3 })).toThrow('needs 3 labels');
    expect(outputOfHead(one, wanted(), { num_labels: 384 })).toBe('logits');
    expect(outputOfHead(one, wanted(), { id2label: { '383': 'last' } })).toBe('logits');
  });

  it('compares the width with the words of a vocabulary', () => {
    const masks = wanted({ task: 'fill-mask', rank: 3, counts: 'words' });
    const one = [{ name: 'output_0', dims: [1, 9, 384] }];
    expect(() => outputOfHead(one, masks, { vocab_size: 30522 })).toThrow('needs 30522 words');
    expect(outputOfHead(one, masks, { vocab_size: 384 })).toBe('output_0');
  });

  it('takes what is as wide as the states for the states where no labels are named', () => {
    const one = [{ name: '882', dims: [1, 384] }];
    expect(() => outputOfHead(one, wanted(), { hidden_size: 384 })).toThrow('needs logits, which');
    expect(outputOfHead(one, wanted(), { hidden_size: 64 })).toBe('882');
    expect(outputOfHead(one, wanted(), {})).toBe('882');
    const named = [{ name: 'logits', dims: [1, 384] }];
    expect(outputOfHead(named, wanted(), { hidden_size: 384 })).toBe('logits');
  });

  it('says what to do instead', () => {
    const hint = (name: string): string => {
      try {
        return outputOfHead([{ name, dims: [1, 384] }], wanted(), labels);
      } catch (thrown) {
        return thrown instanceof PoolError ? thrown.hint : '';
      }
    };
    expect(hint('882')).toContain('load it for text-embedding');
    expect(hint('logits')).toBe('take a model that was trained for text-classification');
  });

  it('takes logits for no states', () => {
    const states = wanted({
      task: 'feature-extraction',
      names: ['last_hidden_state', 'token_embeddings'],
      rank: 3,
      counts: null,
    });
    expect(() => outputOfHead([{ name: 'logits', dims: [1, 9, 5] }], states, {})).toThrow(
      'needs last_hidden_state of 3 dimensions',
    );
    expect(outputOfHead([{ name: 'output_0', dims: [1, 9, 384] }], states, {})).toBe('output_0');
  });
});
