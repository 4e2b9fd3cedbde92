import { describe, expect, it } from 'vitest';
import { PoolError } from '../error';
import { llamaFailure, loadFailureOf } from './llama-errors';
import { isFatal } from './ort-errors';

const category = (error: Error): string => (error as PoolError).category;

describe('failures of llama.cpp', () => {
  it('keep the category of a fault that was found before', () => {
    const error = new PoolError('invalid_argument', 'x');
    expect(llamaFailure(error)).toBe(error);
    expect(loadFailureOf(error, [], false)).toBe(error);
  });

  it('tell a cancel from a failure', () => {
    const abort = Object.assign(new Error('Operation aborted'), { name: 'AbortError' });
    expect(category(llamaFailure(abort))).toBe('cancelled');
  });

  it.each([
    ['the request exceeds the available context size, try increasing it', 'invalid_input'],
    ['failed to parse grammar', 'invalid_input'],
    ['(ABORT) native code called abort()', 'worker_lost'],
    ['memory access out of bounds', 'worker_lost'],
    ['std::bad_alloc', 'out_of_memory'],
    ['something else', 'internal'],
  ])('are told by their words: %s', (text, expected) => {
    const failure = llamaFailure(new Error(text));
    expect(category(failure)).toBe(expected);
    expect(failure.message).toContain(text);
    expect(isFatal(failure.message)).toBe(expected === 'worker_lost');
  });

  it.each([false, true])('tell a Worker without its bytes from a bad model (gpu: %s)', (gpu) => {
    const unread = 'File read failed: NotReadableError: The requested file could not be read';
    const failure = loadFailureOf(new Error(unread), ['fileReadResponse failed'], gpu) as PoolError;
    expect(failure.category).toBe('worker_lost');
    expect(failure.message).toContain(`${unread}: fileReadResponse failed`);
    expect(failure.hint).toBe('load the model again');
    const unstarted = new Error('the script of llama.cpp was not loaded');
    expect(category(loadFailureOf(unstarted, [], gpu))).toBe('worker_lost');
    const full = 'File read failed: RangeError: Array buffer allocation failed';
    expect(category(loadFailureOf(new Error(full), [], gpu))).toBe('out_of_memory');
  });

  it('name the first complaint about a model', () => {
    const failure = loadFailureOf(new Error('not loaded'), ['bad magic', 'more'], false);
    expect(category(failure)).toBe('invalid_model');
    expect(failure.message).toBe('not loaded: bad magic');
    expect(category(loadFailureOf(new Error('x'), [], true))).toBe('unsupported');
    expect(category(loadFailureOf(new Error('bad_alloc'), [], true))).toBe('out_of_memory');
  });
});
