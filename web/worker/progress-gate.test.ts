import { expect, it } from 'vitest';
import { type Progress, ProgressGate } from './progress-gate';

it('lets ten messages a second through, and the first of each phase', () => {
  let now = 0;
  const sent: number[] = [];
  const gate = new ProgressGate(
    ({ loaded }) => sent.push(loaded),
    () => now,
  );
  const at = (phase: Progress['phase'], loaded: number): void =>
    gate.maybe({ phase, loaded, total: 9, file: '' });
  for (let i = 0; i < 100; ++i, now += 10) at('fetch', i);
  expect(sent).toEqual([0, 10, 20, 30, 40, 50, 60, 70, 80, 90]);
  at('compile', 1000);
  at('warmup', 1001);
  at('warmup', 1002);
  expect(sent.slice(10)).toEqual([1000, 1001]);
});
