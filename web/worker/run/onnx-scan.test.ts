import { describe, expect, it } from 'vitest';
import { ProtobufError } from '../protobuf';
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

  it('refuses what is no protobuf, and what is cut off', () => {
    expect(() => scanOnnx(new TextEncoder().encode('<!doctype html>'))).toThrow(ProtobufError);
    expect(() => scanOnnx(model(...node('MatMul')).subarray(0, 9))).toThrow(ProtobufError);
  });
});

describe('checkBackend', () => {
  const files = (graph: Uint8Array<ArrayBuffer>) => new Map([['onnx/model.onnx', graph]]);
  const webgpu = loadMessage(1, 'm', { backend: 'webgpu' });

  it('refuses fp16 on an adapter without shader-f16, and only there', () => {
    const half = files(model(...weight(10)));
    expect(() => checkBackend(webgpu, half, false)).toThrow(
      expect.objectContaining({
        category: 'unsupported',
        message: expect.stringContaining('shader-f16'),
      }),
    );
    expect(() => checkBackend(webgpu, half, true)).not.toThrow();
    expect(() => checkBackend(loadMessage(1), half, false)).not.toThrow();
    expect(() => checkBackend(webgpu, files(model(...weight(1))), false)).not.toThrow();
  });

  it('calls a file that is no model by its name', () => {
    const html = files(new TextEncoder().encode('<!doctype html>'));
    expect(() => checkBackend(webgpu, html, true)).toThrow(
      expect.objectContaining({
        category: 'invalid_model',
        message: expect.stringContaining('onnx/model.onnx'),
      }),
    );
  });
});
