// How Silero VAD wants a sound: frames of 512 samples at 16 kHz, each with the last 64 samples of
// the one before in front (zeros at the start), the last frame filled up with zeros.

export const kFrame = 512;
export const kContext = 64;
export const kRate = 16_000;

export function frameCount(samples: number): number {
  return Math.ceil(samples / kFrame);
}

/** Writes frame `index` with its context into `to`, which has kContext + kFrame samples. */
export function takeFrame(sound: Float32Array, index: number, to: Float32Array): void {
  const begin = index * kFrame;
  const before = sound.subarray(Math.max(0, begin - kContext), begin);
  to.fill(0);
  to.set(before, kContext - before.length);
  to.set(sound.subarray(begin, begin + kFrame), kContext);
}
