// Memory and storage as far as a Worker is told.

import type { MemoryStats } from '../../protocol/values';

interface ChromiumPerformance extends Performance {
  memory?: { usedJSHeapSize: number };
}

export async function memoryStats(): Promise<MemoryStats> {
  const heap = (performance as ChromiumPerformance).memory?.usedJSHeapSize ?? null;
  let estimate: StorageEstimate = {};
  try {
    estimate = await navigator.storage.estimate();
  } catch {
    // Not everywhere, and not in every mode.
  }
  return {
    js_heap: heap,
    opfs_used: estimate.usage ?? null,
    opfs_quota: estimate.quota ?? null,
  };
}
