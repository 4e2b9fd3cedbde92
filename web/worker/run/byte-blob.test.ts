import { describe, expect, it } from 'vitest';
import { ByteBlob } from './byte-blob';

const counting = (count: number): Uint8Array<ArrayBuffer> =>
  Uint8Array.from({ length: count }, (_, i) => i % 251);

describe('bytes as the Blob that wllama reads', () => {
  it.each([
    [0, 10],
    [3, 7],
    [95, 200],
    [100, 200],
  ])('give the same part as a Blob: %i to %i', async (begin, end) => {
    const bytes = counting(100);
    const part = new ByteBlob(bytes).slice(begin, end);
    const expected = new Blob([bytes]).slice(begin, end);
    expect(part.size).toBe(expected.size);
    expect(new Uint8Array(await part.arrayBuffer())).toEqual(
      new Uint8Array(await expected.arrayBuffer()),
    );
  });

  it('are parts of a file inside a larger buffer', async () => {
    const blob = new ByteBlob(counting(100).subarray(10, 20));
    expect(blob.size).toBe(10);
    const part = await blob.slice(8, 12).arrayBuffer();
    expect(new Uint8Array(part)).toEqual(Uint8Array.of(18, 19));
    expect(new Uint8Array(await new Response(blob.stream()).arrayBuffer())).toEqual(
      counting(100).slice(10, 20),
    );
  });

  it('stay whole when a part is transferred', async () => {
    const bytes = counting(100);
    const blob = new ByteBlob(bytes);
    const part = await blob.slice(0, 100).arrayBuffer();
    structuredClone(part, { transfer: [part] });
    const reader = blob.stream().getReader();
    const piece = (await reader.read()).value;
    if (piece) structuredClone(piece, { transfer: [piece.buffer] });
    expect(bytes).toEqual(counting(100));
  });

  it('come in pieces that are made when they are asked for', async () => {
    const bytes = counting(2.5 * 1024 * 1024);
    const reader = new ByteBlob(bytes).stream().getReader();
    const first = await reader.read();
    expect(first.value?.buffer.byteLength).toBe(1024 * 1024);
    bytes[bytes.length - 1] = 255;
    const rest: number[] = [];
    for (let next = await reader.read(); next.value; next = await reader.read()) {
      expect(next.value.buffer.byteLength).toBe(next.value.length);
      rest.push(next.value.length, next.value.at(-1) ?? -1);
    }
    expect(rest).toEqual([1024 * 1024, bytes[2 * 1024 * 1024 - 1], 512 * 1024, 255]);
  });

  it('are let go by whoever holds them', async () => {
    const blob = new ByteBlob(counting(100));
    blob.release();
    expect(blob.size).toBe(0);
    expect((await blob.slice(0, 100).arrayBuffer()).byteLength).toBe(0);
  });
});
