import { describe, expect, it } from 'vitest';
import { deviceLost, gpuFailure } from './gpu-failures';

class GPUOutOfMemoryError extends Error {}
class GPUValidationError extends Error {}

describe('failures of a GPU', () => {
  it('names a lost device', () => {
    const info = { reason: 'unknown', message: 'gone' } as GPUDeviceLostInfo;
    expect(deviceLost(info)).toMatchObject({ category: 'device_lost' });
  });

  it('tells lack of memory from what can not work at all', () => {
    const memory = gpuFailure(new GPUOutOfMemoryError('1 GiB'));
    expect(memory).toMatchObject({ category: 'out_of_memory' });
    expect(memory.message).toContain('1 GiB');
    const wrong = gpuFailure(new GPUValidationError('binding'));
    expect(wrong).toMatchObject({ category: 'unsupported' });
  });
});
