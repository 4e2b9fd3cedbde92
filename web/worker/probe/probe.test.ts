import { describe, expect, it } from 'vitest';
import { describeAdapter } from './adapter';
import { areCoresTrusted, browserName } from './browser-name';
import { wasmSupport } from './wasm-support';
import { judge, probeContexts } from './webnn';

const kFacts = {
  vendor: 'nvidia',
  architecture: 'ampere',
  device: '',
  description: '',
  isFallback: false,
  shaderF16: true,
  maxBufferSize: 4,
  maxStorageBufferBindingSize: 2,
  maxComputeWorkgroupStorageSize: 32,
  maxComputeInvocationsPerWorkgroup: 16,
  features: ['subgroups', 'shader-f16'],
  subgroupMinSize: 8,
  subgroupMaxSize: 0,
};

describe('describeAdapter', () => {
  it('hands on what the adapter says', () => {
    expect(describeAdapter(kFacts)).toEqual({
      vendor: 'nvidia',
      architecture: 'ampere',
      device: '',
      description: '',
      software: false,
      shader_f16: true,
      limits: {
        max_buffer_size: 4,
        max_storage_buffer_binding_size: 2,
        max_compute_workgroup_storage_size: 32,
        max_compute_invocations_per_workgroup: 16,
      },
      features: ['shader-f16', 'subgroups'],
      subgroup_min_size: 8,
      subgroup_max_size: null,
    });
  });

  it.each([
    ['a fallback adapter', { isFallback: true }],
    ['SwiftShader', { vendor: 'google', architecture: 'swiftshader' }],
    ['lavapipe', { description: 'llvmpipe (LLVM 15.0.6, 256 bits)' }],
    ["Microsoft's WARP", { description: 'Microsoft Basic Render Driver' }],
  ])('never calls %s hardware', (_, facts) => {
    expect(describeAdapter({ ...kFacts, ...facts }).software).toBe(true);
  });
});

describe('browserName', () => {
  const chrome = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)';
  it.each([
    [`${chrome} HeadlessChrome/156.0.0.0 Safari/537.36`, undefined, 'Chromium', '156.0.0.0'],
    [
      `${chrome} Chrome/156.0.0.0 Safari/537.36 Edg/156.0.1.2`,
      undefined,
      'Microsoft Edge',
      '156.0.1.2',
    ],
    [
      'Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0',
      undefined,
      'Firefox',
      '153.0',
    ],
    [
      'Mozilla/5.0 (X11; Linux) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15',
      undefined,
      'WebKitGTK',
      '26.0',
    ],
    [
      'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15',
      undefined,
      'Safari',
      '26.0',
    ],
    [
      `${chrome} HeadlessChrome/153.0.0.0 Safari/537.36`,
      ['HeadlessChrome', 'Not?A_Brand'],
      'Chromium',
      '153.0.0.0',
    ],
    [
      `${chrome} Chrome/156.0.0.0 Safari/537.36`,
      ['Not)A;Brand', 'Chromium', 'Google Chrome'],
      'Google Chrome',
      '156.0.0.0',
    ],
    [
      `${chrome} Chrome/156.0.0.0 Safari/537.36`,
      ['Chromium', 'Not/A)Brand'],
      'Chromium',
      '156.0.0.0',
    ],
    ['unheard of', undefined, '', ''],
  ])('%s %s', (agent, brands, brand, version) => {
    const data = brands && { brands: brands.map((name) => ({ brand: name, version: '1' })) };
    expect(browserName(agent, data)).toEqual({ user_agent: agent, brand, version });
  });
});

describe('wasmSupport', () => {
  it('finds SIMD and threads in this Node.js, which has both', () => {
    expect(wasmSupport(true)).toMatchObject({ simd: true, threads: true });
  });

  it('has no threads without isolation', () => {
    expect(wasmSupport(false)).toMatchObject({ simd: true, threads: false });
  });

  it('tells of relaxed SIMD what the engine itself says', () => {
    const [major = 0, minor = 0] = process.versions.v8.split('.').map(Number);
    const shipped = major > 11 || (major === 11 && minor >= 4);
    expect(wasmSupport(true).relaxed_simd).toBe(shipped);
  });
});

describe('areCoresTrusted', () => {
  it.each([
    ['Chromium', 'AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/156.0.0.0', true],
    ['Firefox', 'Gecko/20100101 Firefox/153.0', true],
    ['WebKit', 'AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15', false],
  ])('%s', (_, agent, trusted) => expect(areCoresTrusted(agent)).toBe(trusted));
});

describe('WebNN contexts', () => {
  const context = (deviceType: string, ms: number | null, ok = true) => ({ deviceType, ok, ms });

  it('says nothing of what was not measured', () => {
    const found = judge([context('cpu', null), context('gpu', null), context('npu', null, false)]);
    expect(found.map(({ runs_on }) => runs_on)).toEqual(['cpu', 'unknown', 'unknown']);
  });

  it('calls a context by its time, not by its name', () => {
    const found = judge([context('cpu', 10), context('gpu', 9), context('npu', 1)]);
    expect(found.map(({ runs_on }) => runs_on)).toEqual(['cpu', 'like-cpu', 'unlike-cpu']);
    expect(found.map(({ matmul_ms }) => matmul_ms)).toEqual([10, 9, 1]);
  });

  it('needs the time of the CPU for that', () => {
    expect(judge([context('cpu', null), context('gpu', 1)])[1]!.runs_on).toBe('unknown');
  });

  it('has none where the browser has none', async () => {
    expect(await probeContexts(null, true, 10)).toEqual([]);
  });

  it('does not wait for a context for ever', async () => {
    const createContext = ({ deviceType }: { deviceType: string }): Promise<never> =>
      deviceType === 'gpu' ? new Promise(() => undefined) : Promise.reject(new Error('none'));
    const found = await probeContexts({ createContext }, false, 10);
    expect(found.map(({ ok }) => ok)).toEqual([false, false, false]);
  });
});
