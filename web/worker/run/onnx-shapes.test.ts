import { describe, expect, it } from 'vitest';
import { scanOnnx } from './onnx-scan';
import { withShape } from './onnx-shapes';

const bytes = (number: number, body: number[]): number[] => [number * 8 + 2, body.length, ...body];
const text = (number: number, value: string): number[] => bytes(number, [...Buffer.from(value)]);
const open = (name: string): number[] => bytes(1, text(2, name));
const input = (name: string, ...dimensions: number[]): number[] =>
  bytes(11, [...text(1, name), ...bytes(2, bytes(1, [8, 7, ...bytes(2, dimensions)]))]);
const weight = bytes(5, [8, 3, 0x10, 1, ...text(8, 'w')]);
const model = (...graph: number[]): Uint8Array =>
  new Uint8Array([8, 8, ...bytes(7, graph), ...bytes(8, [0x10, 13])]);

describe('withShape', () => {
  const source = model(
    ...bytes(1, text(4, 'Add')),
    ...weight,
    ...input('ids', ...open('batch'), ...open('batch')),
    ...input('mask', ...open('batch'), ...open('batch')),
    ...input('w', ...bytes(1, [8, 3])),
  );

  it('fixes every input that is no weight', () => {
    const fixed = scanOnnx(withShape(source, [1, 300]));
    expect([...fixed.inputs]).toEqual([
      ['ids', [1, 300]],
      ['mask', [1, 300]],
    ]);
  });

  it('leaves the rest as it was', () => {
    const same = model(
      ...bytes(1, text(4, 'Add')),
      ...weight,
      ...input('ids', ...bytes(1, [8, 1]), ...bytes(1, [8, 0xac, 2])),
      ...input('mask', ...bytes(1, [8, 1]), ...bytes(1, [8, 0xac, 2])),
      ...input('w', ...bytes(1, [8, 3])),
    );
    expect(withShape(source, [1, 300])).toEqual(same);
  });

  it('does not change its source', () => {
    const before = source.slice();
    withShape(source, [1, 2]);
    expect(source).toEqual(before);
  });
});
