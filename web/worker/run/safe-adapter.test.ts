import { describe, expect, it } from 'vitest';
import { requestSafeAdapters } from './safe-adapter';

/** As much of a browser's GPU as is looked at; `features` is a getter of the prototype there. */
function fakeGpu(info: object | null, features: string[]): GPU {
  class FakeAdapter {
    get features(): Set<string> {
      return new Set(features);
    }
    get info(): object {
      return info ?? {};
    }
    async requestDevice(): Promise<object> {
      return { label: 'device' };
    }
  }
  const gpu = { requestAdapter: async () => (info ? new FakeAdapter() : null) };
  return gpu as unknown as GPU;
}

async function featuresOf(gpu: GPU): Promise<string[] | undefined> {
  requestSafeAdapters(gpu);
  const adapter = await gpu.requestAdapter();
  return adapter ? [...adapter.features].sort() : undefined;
}

describe('requestSafeAdapters', () => {
  const all = ['shader-f16', 'subgroup-size-control', 'subgroups'];

  it('hides subgroups that are narrower than the shaders know', async () => {
    const gpu = fakeGpu({ subgroupMinSize: 4, subgroupMaxSize: 4 }, all);
    expect(await featuresOf(gpu)).toEqual(['shader-f16']);
  });

  it.each([8, 16, 32])('leaves subgroups of %i lanes', async (lanes) => {
    const gpu = fakeGpu({ subgroupMinSize: lanes, subgroupMaxSize: 64 }, all);
    expect(await featuresOf(gpu)).toEqual(all);
  });

  it('leaves an adapter that tells nothing about subgroups', async () => {
    expect(await featuresOf(fakeGpu({ vendor: 'x' }, ['shader-f16']))).toEqual(['shader-f16']);
  });

  it('shows each device before it is handed out', async () => {
    const gpu = fakeGpu({ vendor: 'x' }, []);
    const seen: GPUDevice[] = [];
    requestSafeAdapters(gpu, (device) => seen.push(device));
    const device = await (await gpu.requestAdapter())?.requestDevice();
    expect(seen).toEqual([device]);
  });

  it('answers that there is no adapter', async () => {
    expect(await featuresOf(fakeGpu(null, []))).toBeUndefined();
  });
});
