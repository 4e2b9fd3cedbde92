import { describe, expect, it } from 'vitest';
import { PatientWorker, type WorkerLike, kRuns } from './patient-worker';

class FakeWorker implements WorkerLike {
  onmessage: ((event: MessageEvent) => void) | null = null;
  onerror: ((event: ErrorEvent) => void) | null = null;
  readonly got: unknown[] = [];
  terminated = false;

  postMessage(message: unknown): void {
    this.got.push(message);
  }
  terminate(): void {
    this.terminated = true;
  }
  says(data: unknown): void {
    this.onmessage?.({ data } as MessageEvent);
  }
  fails(message?: string): void {
    this.onerror?.({ message } as ErrorEvent);
  }
}

function start() {
  const made: FakeWorker[] = [];
  const heard: unknown[] = [];
  const failures: string[] = [];
  const pauses: number[] = [];
  const due: (() => void)[] = [];
  const worker = new PatientWorker({
    make: () => {
      made.push(new FakeWorker());
      return made.at(-1)!;
    },
    onMessage: (data) => heard.push(data),
    onFailure: (message) => failures.push(message),
    later: (work, ms) => {
      pauses.push(ms);
      due.push(work);
    },
  });
  return { worker, made, heard, failures, pauses, pass: () => due.shift()?.() };
}

describe('PatientWorker', () => {
  it('sends nothing before the Worker runs, and then all of it in order', () => {
    const { worker, made, heard } = start();
    worker.post('a');
    worker.post('b');
    expect(made[0]!.got).toEqual([]);
    made[0]!.says(kRuns);
    worker.post('c');
    expect(made[0]!.got).toEqual(['a', 'b', 'c']);
    made[0]!.says({ kind: 'done' });
    expect(heard).toEqual([{ kind: 'done' }]);
  });

  it('starts a Worker again whose script did not come, and loses nothing', () => {
    const { worker, made, failures, pass } = start();
    worker.post('a');
    made[0]!.fails();
    expect(made[0]!.terminated).toBe(true);
    worker.post('b');
    pass();
    made[1]!.says(kRuns);
    expect(made).toHaveLength(2);
    expect(made[1]!.got).toEqual(['a', 'b']);
    expect(failures).toEqual([]);
  });

  it('gives up in the end, after longer and longer pauses', () => {
    const { made, failures, pauses, pass } = start();
    for (let i = 0; i < 6; ++i) {
      expect(failures).toEqual([]);
      made[i]!.fails('');
      pass();
    }
    expect(made).toHaveLength(6);
    expect(pauses).toEqual([500, 1000, 2000, 4000, 8000]);
    expect(failures).toEqual(['its script was not loaded']);
  });

  it('does not start a Worker again that ran, or whose script failed', () => {
    const ran = start();
    ran.made[0]!.says(kRuns);
    ran.made[0]!.fails();
    expect(ran.failures).toEqual(['its script was not loaded']);
    const broken = start();
    broken.made[0]!.fails('SyntaxError');
    expect(broken.failures).toEqual(['SyntaxError']);
    expect([...ran.pauses, ...broken.pauses]).toEqual([]);
  });

  it('is not started any more once it was ended', () => {
    const { worker, made, failures, pass } = start();
    made[0]!.fails();
    worker.terminate();
    pass();
    expect(made).toHaveLength(1);
    expect(failures).toEqual([]);
  });
});
