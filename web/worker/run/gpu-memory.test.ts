import { describe, expect, it, vi } from 'vitest';
import { GpuMemory, hastenReadback } from './gpu-memory';

function fakeDevice(mapped: Promise<undefined> = Promise.resolve(undefined)) {
  return {
    queue: { submit: vi.fn() },
    createBuffer: ({ size }: { size: number; usage: number }) => ({
      size,
      destroy: vi.fn(),
      mapAsync: () => mapped,
    }),
  };
}
const asDevice = (device: object): GPUDevice => device as GPUDevice;

describe('GpuMemory', () => {
  it('knows nothing before there is a device', () => {
    expect(new GpuMemory().bytes).toBeNull();
  });

  it('counts live buffers, each once', () => {
    const memory = new GpuMemory();
    const device = asDevice(fakeDevice());
    memory.watch(device);
    expect(memory.bytes).toBe(0);
    const first = device.createBuffer({ size: 100, usage: 0 });
    device.createBuffer({ size: 28, usage: 0 });
    expect(memory.bytes).toBe(128);
    first.destroy();
    first.destroy();
    expect(memory.bytes).toBe(28);
  });
});

describe('hastenReadback', () => {
  it('submits nothing into the queue before and after a readback, and something while it lasts', async () => {
    vi.stubGlobal('GPUBufferUsage', { MAP_READ: 1 });
    vi.useFakeTimers();
    let finish: () => void = () => undefined;
    const device = fakeDevice(new Promise<undefined>((done) => (finish = () => done(undefined))));
    hastenReadback(asDevice(device));
    const buffer = asDevice(device).createBuffer({ size: 4, usage: 1 });
    await vi.advanceTimersByTimeAsync(10);
    expect(device.queue.submit).not.toHaveBeenCalled();
    const mapping = buffer.mapAsync(1);
    await vi.advanceTimersByTimeAsync(10);
    const during = device.queue.submit.mock.calls.length;
    expect(during).toBeGreaterThan(0);
    finish();
    await mapping;
    await vi.advanceTimersByTimeAsync(10);
    expect(device.queue.submit).toHaveBeenCalledTimes(during);
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });
});
