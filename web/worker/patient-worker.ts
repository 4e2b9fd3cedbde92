// A Worker that is started again where its script could not be loaded: on a line that is slow or
// breaks a request may fail, and that is no reason to give a model up. What it is sent waits here
// until it says that it runs, because a Worker that never ran takes all of it along.

/** What of Worker is used. */
export interface WorkerLike {
  onmessage: ((event: MessageEvent) => void) | null;
  onerror: ((event: ErrorEvent) => void) | null;
  postMessage(message: unknown, transfer: Transferable[]): void;
  terminate(): void;
}

/** The first message of every such Worker, when its whole script has run. */
export const kRuns = { kind: 'runs' } as const;

export interface PatientOptions {
  make: () => WorkerLike;
  /** What it says, but for `kRuns`. */
  onMessage: (data: unknown) => void;
  /** It failed for good. */
  onFailure: (message: string) => void;
  later: (work: () => void, ms: number) => void;
}

const kFirstPause = 500; // ms, then twice as long each time
const kMostStarts = 6;

export class PatientWorker {
  private worker: WorkerLike | null = null;
  private runs = false;
  private over = false;
  private starts = 0;
  private waiting: { message: unknown; transfer: Transferable[] }[] = [];

  constructor(private readonly options: PatientOptions) {
    this.start();
  }

  post(message: unknown, transfer: Transferable[] = []): void {
    if (this.runs) this.worker?.postMessage(message, transfer);
    else if (!this.over) this.waiting.push({ message, transfer });
  }

  terminate(): void {
    this.over = true;
    this.waiting = [];
    this.worker?.terminate();
  }

  private start(): void {
    if (this.over) return;
    this.starts += 1;
    const worker = this.options.make();
    worker.onmessage = ({ data }: MessageEvent) => this.heard(data);
    worker.onerror = (event) => this.failed(event.message);
    this.worker = worker;
  }

  private heard(data: unknown): void {
    if ((data as Partial<typeof kRuns> | null)?.kind !== kRuns.kind) {
      this.options.onMessage(data);
      return;
    }
    this.runs = true;
    for (const { message, transfer } of this.waiting) this.worker?.postMessage(message, transfer);
    this.waiting = [];
  }

  /** Browsers say nothing of a script that did not come, and something of one that failed. */
  private failed(message: string | undefined): void {
    if (this.over) return;
    if (!message && !this.runs && this.starts < kMostStarts) {
      this.worker?.terminate();
      this.options.later(() => this.start(), kFirstPause * 2 ** (this.starts - 1));
      return;
    }
    this.options.onFailure(message || 'its script was not loaded');
  }
}
