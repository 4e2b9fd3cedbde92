import { describe, expect, it } from 'vitest';
import { frameCount, kContext, kFrame, takeFrame } from './speech-frames';

describe('speech frames', () => {
  const sound = Float32Array.from({ length: 2 * kFrame + 10 }, (_, i) => i + 1);
  const frame = (index: number): Float32Array => {
    const to = new Float32Array(kContext + kFrame).fill(-1);
    takeFrame(sound, index, to);
    return to;
  };

  it('are as many as the sound fills, the last one partly', () => {
    expect([0, 1, kFrame, kFrame + 1].map(frameCount)).toEqual([0, 1, 1, 2]);
    expect(frameCount(sound.length)).toBe(3);
  });

  it('have silence before the first', () => {
    const first = frame(0);
    expect(first.subarray(0, kContext).every((sample) => sample === 0)).toBe(true);
    expect(first[kContext]).toBe(1);
    expect(first.at(-1)).toBe(kFrame);
  });

  it('have the end of the one before in front', () => {
    const second = frame(1);
    expect(second[0]).toBe(kFrame - kContext + 1);
    expect(second[kContext]).toBe(kFrame + 1);
  });

  it('are filled up with silence at the end', () => {
    const last = frame(2);
    expect(last[kContext + 9]).toBe(sound.length);
    expect(last.subarray(kContext + 10).every((sample) => sample === 0)).toBe(true);
  });
});
