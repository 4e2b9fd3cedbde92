import { describe, expect, it } from 'vitest';
import { ProtobufError } from '../protobuf';
import type { WebGpuInfo } from '../../protocol/values';
import { checkBackend } from './check-backend';
import { scanOnnx } from './onnx-scan';
import { loadMessage } from '../host/fakes.test-util';

const bytes = (number: number, body: number[]): number[] => [number * 8 + 2, body.length, ...body];
const text = (number: number, value: string): number[] => bytes(number, [...Buffer.from(value)]);
const node = (operator: string, ...more: number[]): number[] =>
  bytes(1, [...text(1, 'x'), ...text(4, operator), ...more]);
const weight = (type: number, ...more: number[]): number[] => bytes(5, [0x10, type, ...more]);
const input = (type: number): number[] =>
  bytes(11, [...text(1, 'x'), ...bytes(2, bytes(1, [8, type]))]);
const model = (...graph: number[]): Uint8Array<ArrayBuffer> =>
  new Uint8Array([8, 8, ...bytes(7, graph)]);

describe('scanOnnx', () => {
  it('counts operators, those of subgraphs too', () => {
    const branch = bytes(5, bytes(6, node('Conv')));
    const scan = scanOnnx(model(...node('MatMul'), ...node('If', ...branch), ...node('MatMul')));
    expect([...scan.operators]).toEqual([
      ['MatMul', 2],
      ['If', 1],
      ['Conv', 1],
    ]);
    expect(scan.usesFp16).toBe(false);
  });

  it.each([
    ['a weight', model(...weight(10))],
    ['an input', model(...input(10))],
    ['a constant', model(...node('Constant', ...bytes(5, bytes(5, [0x10, 10]))))],
  ])('sees fp16 in %s', (_, bytes_) => expect(scanOnnx(bytes_).usesFp16).toBe(true));

  it('names the files of external data', () => {
    const entry = bytes(13, [...text(1, 'location'), ...text(2, 'model.onnx_data')]);
    expect([...scanOnnx(model(...weight(1, ...entry))).externalData]).toEqual(['model.onnx_data']);
  });

  it('finds the largest weight by its shape, wherever its bytes are', () => {
    const small = weight(1, 8, 3, 8, 5, ...text(8, 'small')); // FLOAT [3, 5]
    const large = weight(2, 8, 100, ...text(8, 'large')); // UINT8 [100]
    expect(scanOnnx(model(...small, ...large)).largestWeight).toEqual({ name: 'large', bytes: 100 });
    const packed = weight(22, ...bytes(1, [0xac, 2]), ...text(8, 'packed')); // INT4 [300]
    expect(scanOnnx(model(...packed)).largestWeight).toEqual({ name: 'packed', bytes: 150 });
    expect(scanOnnx(model()).largestWeight).toBeNull();
  });

  it('reads the dimensions of inputs, which weights are not', () => {
    const shape = bytes(2, [...bytes(1, [8, 2]), ...bytes(1, text(2, 'tokens')), ...bytes(1, [])]);
    const open = bytes(11, [...text(1, 'ids'), ...bytes(2, bytes(1, [8, 7, ...shape]))]);
    const listed = bytes(11, text(1, 'w'));
    const scan = scanOnnx(model(...open, ...listed, ...weight(1, ...text(8, 'w'))));
    expect([...scan.inputs]).toEqual([['ids', [2, 'tokens', '']]]);
  });

  it('refuses what is no protobuf, and what is cut off', () => {
    expect(() => scanOnnx(new TextEncoder().encode('<!doctype html>'))).toThrow(ProtobufError);
    expect(() => scanOnnx(model(...node('MatMul')).subarray(0, 9))).toThrow(ProtobufError);
  });
});

describe('checkBackend', () => {
  const files = (graph: Uint8Array<ArrayBuffer>) => new Map([['onnx/model.onnx', graph]]);
  const gpu = (shaderF16: boolean) =>
    ({ shader_f16: shaderF16, limits: { max_buffer_size: 399 } }) as WebGpuInfo;
  const webgpu = loadMessage(1, 'm', { backend: 'webgpu' });

  it('refuses fp16 on an adapter without shader-f16, and only there', () => {
    const half = files(model(...weight(10)));
    expect(() => checkBackend(webgpu, half, gpu(false))).toThrow(
      expect.objectContaining({
        category: 'unsupported',
        message: expect.stringContaining('shader-f16'),
      }),
    );
    expect(() => checkBackend(webgpu, half, gpu(true))).not.toThrow();
    expect(() => checkBackend(loadMessage(1), half, null)).not.toThrow();
    expect(() => checkBackend(webgpu, files(model(...weight(1))), gpu(false))).not.toThrow();
  });

  it('refuses a weight that no buffer can hold', () => {
    const large = files(model(...weight(1, 8, 100, ...text(8, 'w')))); // FLOAT [100]
    expect(() => checkBackend(webgpu, large, gpu(false))).toThrow(
      expect.objectContaining({
        category: 'unsupported',
        message: expect.stringContaining('"w" of onnx/model.onnx has 400 bytes'),
      }),
    );
    expect(() => checkBackend(loadMessage(1), large, gpu(false))).not.toThrow();
  });

  it('calls a file that is no model by its name', () => {
    const html = files(new TextEncoder().encode('<!doctype html>'));
    expect(() => checkBackend(webgpu, html, gpu(true))).toThrow(
      expect.objectContaining({
        category: 'invalid_model',
        message: expect.stringContaining('onnx/model.onnx'),
      }),
    );
  });
});
