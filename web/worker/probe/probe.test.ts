import { describe, expect, it } from 'vitest';
import { describeAdapter } from './adapter';
import { browserName } from './browser-name';
import { wasmSupport } from './wasm-support';

const kFacts = {
  vendor: 'nvidia',
  architecture: 'ampere',
  device: '',
  description: '',
  isFallback: false,
  shaderF16: true,
  maxBufferSize: 4,
  maxStorageBufferBindingSize: 2,
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
      limits: { max_buffer_size: 4, max_storage_buffer_binding_size: 2 },
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
      'Safari',
      '26.0',
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
    expect(wasmSupport(true)).toEqual({ simd: true, threads: true });
  });

  it('has no threads without isolation', () => {
    expect(wasmSupport(false)).toEqual({ simd: true, threads: false });
  });
});
