import { describe, expect, it } from 'vitest';
import { loadMessage } from '../host/fakes.test-util';
import { sessionSettings } from './session-settings';

const of = (options: object) => sessionSettings(loadMessage(1, 'm', { options: options as never }));

describe('sessionSettings', () => {
  it('asks WebNN for the CPU unless told otherwise, and leaves shapes open', () => {
    expect(of({})).toEqual({ backend: 'wasm', deviceType: 'cpu', freeDimensions: null });
    expect(of({ device_type: 'npu' }).deviceType).toBe('npu');
    expect(of({ free_dimensions: { batch: 1 } }).freeDimensions).toEqual({ batch: 1 });
  });

  it.each([
    { device_type: 'tpu' },
    { device_type: 1 },
    { free_dimensions: [] },
    { free_dimensions: null },
    { free_dimensions: { batch: 0 } },
    { free_dimensions: { batch: 1.5 } },
    { free_dimensions: { batch: '1' } },
  ])('refuses %o', (options) => {
    expect(() => of(options)).toThrow(expect.objectContaining({ category: 'invalid_argument' }));
  });
});
