import { describe as group, expect, it } from 'vitest';
import { bytesText, describe } from './texts';

group('bytesText', () => {
  it('keeps two or three digits', () => {
    expect(bytesText(0)).toBe('0 bytes');
    expect(bytesText(1999)).toBe('2 kB');
    expect(bytesText(54_400_000)).toBe('54.4 MB');
    expect(bytesText(4_321_000_000)).toBe('4.3 GB');
  });
});

group('describe', () => {
  const model = { name: 'm', backend: 'wasm', runs: 4, open: 1 };
  it('tells what runs', () => {
    const shown = describe({
      state: 'joined',
      accepting: true,
      running: 1,
      models: [model],
      memory: { wasm: 3_000_000, gpu: null },
    });
    expect(shown).toMatchObject({
      headline: 'Computing',
      running: '1 job',
      done: '4 jobs',
      held: 'm (wasm)',
      memory: '3.0 MB',
    });
  });
  it('pauses only when nothing runs any more', () => {
    expect(describe({ state: 'joined', accepting: false, running: 2 }).headline).toBe('Pausing');
    expect(describe({ state: 'joined', accepting: false, running: 0 }).headline).toBe('Paused');
  });
  it('claims no figures that it does not have', () => {
    const shown = describe({ state: 'connecting', accepting: true });
    expect(shown).toMatchObject({ headline: 'Connecting…', running: '–', done: '–' });
    expect(shown.memory).toBe('not known yet');
  });
});
