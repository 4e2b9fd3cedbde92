import { beforeEach, describe, expect, it } from 'vitest';
import type { Answer } from '../../protocol/messages';
import { FakeRunner, loadMessage, runMessage, shared } from './fakes.test-util';
import { ModelSlot } from './model-slot';

describe('ModelSlot', () => {
  let runner: FakeRunner;
  let answers: Answer[];
  let partials: unknown[];
  let ended: number;

  const make = (memory: typeof shared | null = shared): ModelSlot =>
    new ModelSlot(
      loadMessage(1),
      runner,
      {
        answer: (answer) => answers.push(answer),
        partial: (id, data) => partials.push([id, data['text']]),
        progress: () => undefined,
        log: () => undefined,
        ended: () => (ended += 1),
      },
      memory,
      null,
    );
  const loaded = (memory: typeof shared | null = shared): ModelSlot => {
    const slot = make(memory);
    runner.loaded();
    answers.length = 0;
    return slot;
  };
  const errors = (): (string | number)[][] =>
    answers.map((answer) =>
      answer.type === 'error' ? [answer.id, answer.category] : [answer.id, answer.type],
    );

  beforeEach(() => {
    runner = new FakeRunner('wasm');
    answers = [];
    partials = [];
    ended = 0;
  });

  it('gives the Worker two calls, and the next one when the first is done', () => {
    const slot = loaded();
    for (const id of [2, 3, 4, 5]) slot.run(runMessage(id), 0);
    expect(runner.runIds).toEqual([2, 3]);
    runner.begin(2);
    runner.result(2);
    expect(runner.runIds).toEqual([2, 3, 4]);
    expect(slot.stats).toMatchObject({ runs: 1, open: 3, bytes: 10 });
  });

  it('holds calls back until the model is loaded', () => {
    const slot = make();
    slot.run(runMessage(2), 0);
    expect(runner.runIds).toEqual([]);
    runner.loaded();
    expect(runner.runIds).toEqual([2]);
  });

  const checks = (): number[] =>
    runner.got.filter((message) => message.kind === 'check').map(({ id }) => id);

  it('tells what the Worker holds, as of its last answer', () => {
    const slot = loaded();
    expect(slot.stats).toMatchObject({ wasm_bytes: 64, gpu_bytes: null });
    slot.run(runMessage(2), 0);
    runner.result(2);
    expect(slot.stats).toMatchObject({ wasm_bytes: 128, gpu_bytes: 32 });
  });

  it('hands checks to the Worker once it is loaded, each answered once', () => {
    const slot = make();
    slot.check(2);
    expect(checks()).toEqual([]);
    runner.loaded();
    slot.check(3);
    expect(checks()).toEqual([2, 3]);
    answers.length = 0;
    runner.onMessage({ kind: 'checked', id: 2, ok: false, ms: 0, message: 'zeros' });
    runner.onFailure('gone');
    expect(answers[0]).toEqual({ type: 'checked', id: 2, ok: false, ms: 0, message: 'zeros' });
    expect(errors().slice(1)).toEqual([[3, 'worker_lost']]);
  });

  it('drops a call that waits, and the Worker goes on', () => {
    const slot = loaded();
    for (const id of [2, 3, 4]) slot.run(runMessage(id), 0);
    expect(slot.cancel(4)).toBe(true);
    expect(errors()).toEqual([[4, 'cancelled']]);
    expect(runner.terminated).toBe(false);
  });

  it('drops a call in the inbox that has not begun', () => {
    const slot = loaded();
    for (const id of [2, 3, 4]) slot.run(runMessage(id), 0);
    runner.begin(2);
    slot.cancel(3);
    expect(errors()).toEqual([[3, 'cancelled']]);
    runner.result(2);
    expect(runner.runIds).toEqual([2, 3, 4]);
    // The Worker finds the flag, skips the call, and its place is free again.
    expect(Atomics.load(runner.flags, runner.runs[1]!.slot)).toBe(1);
    runner.onMessage({ kind: 'skipped', id: 3, slot: runner.runs[1]!.slot });
    expect(errors()).toEqual([
      [3, 'cancelled'],
      [2, 'result'],
    ]);
    expect(runner.terminated).toBe(false);
  });

  it('withdraws what has not begun, and nothing else', () => {
    const slot = loaded();
    for (const id of [2, 3, 4]) slot.run(runMessage(id), 0);
    runner.begin(2);
    expect(slot.withdraw(2)).toBe(false);
    expect(slot.withdraw(3)).toBe(true);
    expect(slot.withdraw(4)).toBe(true);
    expect(slot.withdraw(3)).toBe(false);
    expect(slot.withdraw(99)).toBe(false);
    expect(errors()).toEqual([
      [3, 'cancelled'],
      [4, 'cancelled'],
    ]);
    runner.result(2);
    expect(errors().at(-1)).toEqual([2, 'result']);
    expect(runner.terminated).toBe(false);
  });

  it('does not end the Worker for a cancel that comes after the withdrawal', () => {
    const slot = loaded();
    for (const id of [2, 3]) slot.run(runMessage(id), 0);
    runner.begin(2);
    slot.withdraw(3);
    expect(slot.cancel(3)).toBe(true);
    expect(errors()).toEqual([[3, 'cancelled']]);
    expect(runner.terminated).toBe(false);
  });

  it('withdraws no load', () => {
    const slot = make();
    slot.run(runMessage(2), 0);
    expect(slot.withdraw(1)).toBe(false);
    expect(slot.withdraw(2)).toBe(true);
    runner.loaded();
    expect(errors()).toEqual([
      [2, 'cancelled'],
      [1, 'loaded'],
    ]);
  });

  it('lets a call go on of which it can not be told whether it has begun', () => {
    const slot = loaded(null);
    for (const id of [2, 3]) slot.run(runMessage(id), 0);
    expect(slot.withdraw(2)).toBe(false);
    expect(slot.withdraw(3)).toBe(true);
    expect(runner.terminated).toBe(false);
  });

  it('ends the Worker to cancel a running call; the others are lost, not cancelled', () => {
    const slot = loaded();
    for (const id of [2, 3, 4]) slot.run(runMessage(id), 0);
    runner.begin(2);
    slot.cancel(2);
    expect(errors()).toEqual([
      [2, 'cancelled'],
      [3, 'worker_lost'],
      [4, 'worker_lost'],
    ]);
    expect(answers[0]).toMatchObject({ lost: ['m'] });
    expect(runner.terminated).toBe(true);
    expect(ended).toBe(1);
  });

  it('says nothing of a call that was cancelled in the inbox when the Worker ends', () => {
    const slot = loaded();
    for (const id of [2, 3]) slot.run(runMessage(id), 0);
    runner.begin(2);
    slot.cancel(3);
    slot.cancel(2);
    expect(errors()).toEqual([
      [3, 'cancelled'],
      [2, 'cancelled'],
    ]);
  });

  it('gives one call at a time where no memory can be shared', () => {
    const slot = loaded(null);
    for (const id of [2, 3]) slot.run(runMessage(id), 0);
    expect(runner.runIds).toEqual([2]);
    slot.cancel(3);
    expect(runner.terminated).toBe(false);
    slot.cancel(2);
    expect(runner.terminated).toBe(true);
  });

  it('cancels a load', () => {
    const slot = make();
    slot.run(runMessage(2), 0);
    slot.cancel(1);
    expect(errors()).toEqual([
      [1, 'cancelled'],
      [2, 'worker_lost'],
    ]);
    expect(runner.terminated).toBe(true);
  });

  it('knows no call that is done', () => {
    const slot = loaded();
    slot.run(runMessage(2), 0);
    runner.result(2);
    expect(slot.cancel(2)).toBe(false);
  });

  it('reports a load that failed, and ends the Worker', () => {
    make();
    const report = { category: 'invalid_model', message: 'corrupt', hint: 'h' } as const;
    runner.onMessage({ kind: 'load-failed', report });
    expect(answers).toEqual([{ type: 'error', id: 1, lost: ['m'], ...report }]);
    expect(runner.terminated).toBe(true);
  });

  it('reports a Worker that ended by itself: to its calls, or to the page as a whole', () => {
    loaded();
    const report = { category: 'worker_lost', message: 'device lost', hint: '' } as const;
    runner.onMessage({ kind: 'dead', report });
    expect(answers).toEqual([{ type: 'error', id: 0, lost: ['m'], ...report }]);

    runner = new FakeRunner('wasm');
    answers = [];
    const slot = loaded();
    slot.run(runMessage(2), 0);
    runner.onFailure('script gone');
    expect(errors()).toEqual([[2, 'worker_lost']]);
  });

  it('hands on a run that failed, and goes on', () => {
    const slot = loaded();
    slot.run(runMessage(2), 0);
    const report = { category: 'invalid_input', message: 'shape', hint: '' } as const;
    const { slot: place } = runner.runs[0]!;
    runner.onMessage({ kind: 'run-failed', id: 2, slot: place, report, fatal: false });
    expect(errors()).toEqual([[2, 'invalid_input']]);
    slot.run(runMessage(3), 0);
    expect(runner.runIds).toEqual([2, 3]);
  });

  it('is over with a run after which its Worker can run nothing', () => {
    const slot = loaded();
    slot.run(runMessage(2), 0);
    slot.run(runMessage(3), 0);
    const report = { category: 'invalid_input', message: 'shape', hint: '' } as const;
    const { slot: place } = runner.runs[0]!;
    runner.onMessage({ kind: 'run-failed', id: 2, slot: place, report, fatal: true });
    expect(answers.at(-2)).toMatchObject({ id: 2, category: 'invalid_input', lost: ['m'] });
    expect(errors()).toEqual([
      [2, 'invalid_input'],
      [3, 'worker_lost'],
    ]);
  });

  it('answers open calls when it is unloaded', () => {
    const slot = loaded();
    slot.run(runMessage(2), 0);
    slot.unload();
    expect(errors()).toEqual([[2, 'cancelled']]);
    expect([runner.terminated, ended]).toEqual([true, 1]);
  });

  it('hands on parts of an answer', () => {
    const slot = loaded();
    slot.run(runMessage(2), 0);
    runner.begin(2);
    runner.onMessage({ kind: 'partial', id: 2, data: { text: 'Par' } });
    runner.onMessage({ kind: 'partial', id: 2, data: { text: 'is' } });
    runner.result(2);
    expect(partials).toEqual([
      [2, 'Par'],
      [2, 'is'],
    ]);
    expect(errors()).toEqual([[2, 'result']]);
  });

  it('keeps a Worker whose calls can be cancelled', () => {
    const slot = make();
    runner.loaded(true);
    answers.length = 0;
    slot.run(runMessage(2), 0);
    slot.run(runMessage(3), 0);
    runner.begin(2);
    expect(slot.cancel(2)).toBe(true);
    expect(runner.got.at(-1)).toEqual({ kind: 'cancel', id: 2 });
    expect(answers).toEqual([]);
    const report = { category: 'cancelled' as const, message: 'the call was cancelled', hint: '' };
    runner.onMessage({ kind: 'run-failed', id: 2, slot: 0, report, fatal: false });
    runner.result(3);
    expect(errors()).toEqual([
      [2, 'cancelled'],
      [3, 'result'],
    ]);
    expect(runner.terminated).toBe(false);
  });
});
