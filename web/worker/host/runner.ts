// A run Worker as the socket Worker sees it.

import type { Bundle, FromRunner, ToRunner } from '../thread-messages';

export interface Runner {
  post(message: ToRunner, transfer?: Transferable[]): void;
  onMessage: (message: FromRunner) => void;
  /** The Worker's script could not be loaded or started. */
  onFailure: (message: string) => void;
  /** Ends the Worker at once, whatever it does. Nothing comes from it afterwards. */
  terminate(): void;
}

export interface RunnerFactory {
  /** `threads` of WebAssembly: fixed for the Worker's life. */
  spawn(bundle: Bundle, threads: number): Runner;
}

/**
 * Keeps one Worker ready before a model asks for it, with ONNX Runtime started: that takes longer
 * than many a model's session, and goes on while the model's files are fetched.
 */
export class WarmRunners implements RunnerFactory {
  private spare: { bundle: Bundle; threads: number; runner: Runner } | null = null;

  constructor(private readonly factory: RunnerFactory) {}

  warm(bundle: Bundle, threads: number): void {
    if (this.spare) return;
    const runner = this.factory.spawn(bundle, threads);
    runner.onFailure = () => {
      if (this.spare?.runner === runner) this.spare = null;
    };
    this.spare = { bundle, threads, runner };
  }

  spawn(bundle: Bundle, threads: number): Runner {
    const spare = this.spare;
    this.spare = null;
    if (spare?.bundle === bundle && spare.threads === threads) return spare.runner;
    spare?.runner.terminate();
    return this.factory.spawn(bundle, threads);
  }
}
