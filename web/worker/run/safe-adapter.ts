// WebGPU adapters whose subgroups ONNX Runtime 1.30 computes wrong with: its flash attention (used
// from 32 tokens on) knows subgroups of 8 and more lanes, and on SwiftShader, which has 4, every row
// of MultiHeadAttention is wrong by some 70 %. Without the feature it takes another way, which is
// right, so such an adapter is shown to it without.

/** The fewest lanes that its shaders are written for. */
const kFewestLanes = 8;

const kHidden = ['subgroups', 'subgroup-size-control'] as const;

interface SubgroupInfo {
  subgroupMinSize?: number;
}

/**
 * Makes `gpu.requestAdapter` answer adapters that are safe; once a realm, before ONNX Runtime.
 * `onDevice` sees each device before ONNX Runtime does.
 */
export function requestSafeAdapters(
  gpu: GPU,
  onDevice: (device: GPUDevice) => void = () => undefined,
): void {
  const request = gpu.requestAdapter.bind(gpu);
  gpu.requestAdapter = async (options) => {
    const adapter = await request(options);
    if (adapter && tooNarrow(adapter)) hideSubgroups(adapter);
    if (adapter) showDevices(adapter, onDevice);
    return adapter;
  };
}

function showDevices(adapter: GPUAdapter, onDevice: (device: GPUDevice) => void): void {
  const request = adapter.requestDevice.bind(adapter);
  adapter.requestDevice = async (descriptor) => {
    const device = await request(descriptor);
    onDevice(device);
    return device;
  };
}

function tooNarrow(adapter: GPUAdapter): boolean {
  const { subgroupMinSize } = adapter.info as SubgroupInfo;
  // A browser that offers subgroups and does not tell their size is taken at its word.
  return subgroupMinSize !== undefined && subgroupMinSize < kFewestLanes;
}

function hideSubgroups(adapter: GPUAdapter): void {
  const hidden: ReadonlySet<string> = new Set(kHidden);
  const features = new Set([...adapter.features].filter((name) => !hidden.has(name)));
  Object.defineProperty(adapter, 'features', { value: features });
}
