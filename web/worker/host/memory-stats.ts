// Memory and storage as far as a Worker is told.

import type { MemoryStats } from '../../protocol/values';
import { within } from '../deadline';

/** What belongs to no run Worker. */
export type PageMemory = Omit<MemoryStats, 'wasm' | 'gpu'>;

const kPatience = 2000; // ms

interface ChromiumPerformance extends Performance {
  memory?: { usedJSHeapSize: number };
}

export async function memoryStats(): Promise<PageMemory> {
  const heap = (performance as ChromiumPerformance).memory?.usedJSHeapSize ?? null;
  let estimate: StorageEstimate = {};
  try {
    const late = (): Error => new Error('no answer');
    estimate = await within(kPatience, navigator.storage.estimate(), late);
  } catch {
    // Not everywhere, and not in every mode.
  }
  return {
    js_heap: heap,
    opfs_used: estimate.usage ?? null,
    opfs_quota: estimate.quota ?? null,
  };
}
