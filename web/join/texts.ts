// Figures and states as a person reads them.

import type { DeviceState } from './api';

export function bytesText(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit < 2 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit] ?? ''}`;
}

export function countText(count: number, one: string, more: string): string {
  return `${count} ${count === 1 ? one : more}`;
}

export interface Shown {
  headline: string;
  detail: string;
  running: string;
  done: string;
  held: string;
  memory: string;
}

export function describe(state: DeviceState): Shown {
  const models = state.models ?? [];
  const running = state.running ?? 0;
  const runs = models.reduce((sum, { runs: done }) => sum + done, 0);
  const known = state.state === 'joined';
  const sizes = [state.memory?.wasm, state.memory?.gpu].filter((size) => typeof size === 'number');
  return {
    headline: headlineOf(state, running),
    detail: detailOf(state, running, models.length),
    running: known ? countText(running, 'job', 'jobs') : '–',
    done: known ? countText(runs, 'job', 'jobs') : '–',
    held: models.map(({ name, backend }) => `${name} (${backend})`).join(', ') || 'none',
    memory: memoryOf(sizes, known && models.length === 0),
  };
}

function memoryOf(sizes: number[], nothing: boolean): string {
  if (sizes.length) return bytesText(sizes.reduce((sum, size) => sum + size, 0));
  return nothing ? 'none' : 'not known yet';
}

function headlineOf(state: DeviceState, running: number): string {
  if (!state.accepting) return running > 0 ? 'Pausing' : 'Paused';
  if (state.state === 'connecting') return 'Connecting…';
  return running > 0 ? 'Computing' : 'Ready';
}

function detailOf(state: DeviceState, running: number, models: number): string {
  if (!state.accepting) {
    return running > 0 ? 'Finishing what runs; nothing new is taken.' : 'Nothing new is taken.';
  }
  if (state.state === 'connecting') return 'Reaching the machine that asked.';
  if (running > 0) return 'Thank you.';
  return models > 0 ? 'Waiting for work.' : 'Waiting for a model.';
}
