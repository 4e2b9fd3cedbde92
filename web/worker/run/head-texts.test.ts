import { expect, it } from 'vitest';
import { masksLost, tellTokens } from './head-texts';

const row = (...ids: number[]): { ids: number[]; types: number[] } => ({ ids, types: [] });

it('tellTokens tells which texts were cut, where one was', () => {
  expect(tellTokens([row(1, 2)], [row(1, 2)])).toEqual({ tokens: [2] });
  expect(tellTokens([row(1, 2), row(1, 2, 3)], [row(1, 2), row(1, 3)])).toEqual({
    tokens: [2, 2],
    cut: [false, true],
  });
});

it('masksLost counts the masks that were cut off', () => {
  const whole = [row(1, 7, 2), row(1, 7, 7, 7, 2)];
  expect(masksLost(whole, [row(1, 7, 2), row(1, 7, 2)], 7)).toEqual({
    text: 1,
    masks: 3,
    beyond: 2,
    limit: 3,
  });
  expect(masksLost(whole, [row(1, 7, 2), row(1, 7, 7, 7)], 7)).toBeNull();
  expect(masksLost([row(1, 2, 7)], [row(1, 2)], 7)?.beyond).toBe(1);
});
