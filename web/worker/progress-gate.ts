// Lets at most ten progress messages a second through; the first of a phase and the last always.

import type { LoadPhase } from '../protocol/messages';

export interface Progress {
  phase: LoadPhase;
  loaded: number;
  total: number;
  file: string;
}

const kInterval = 100; // ms

export class ProgressGate {
  private last = -kInterval;
  private phase: LoadPhase | null = null;

  constructor(
    private readonly send: (progress: Progress) => void,
    private readonly now_: () => number = () => performance.now(),
  ) {}

  maybe(progress: Progress): void {
    const due = this.now_() - this.last >= kInterval;
    if (due || progress.phase !== this.phase) this.now(progress);
  }

  now(progress: Progress): void {
    this.last = this.now_();
    this.phase = progress.phase;
    this.send(progress);
  }
}
