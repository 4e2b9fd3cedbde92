import { describe, expect, it } from 'vitest';

import { FrameBuffer, decodeFrame, encodeFrame } from './frame';
import { MAX_MESSAGE_BYTES } from './limits';
import { type PageMessage, decodeMessage, encodeMessage } from './messages';
import { Outbox } from './outbox';

describe('decodeMessage', () => {
  it('ignores types and keys of a newer pool', () => {
    expect(decodeMessage(encodeFrame({ type: 'dance', id: 1 }))).toBeUndefined();
    expect(decodeMessage(encodeFrame({ type: 'cancel', id: 1, why: [] }))).toEqual({
      type: 'cancel',
      id: 1,
      received: [],
    });
  });

  it('takes no key from a prototype', () => {
    expect(() => decodeMessage(encodeFrame({ type: 'toString', id: 1 }))).not.toThrow();
    expect(() => decodeMessage(encodeFrame({ id: 1 }))).toThrow(/^bad_message: /);
  });
});

describe('encodeMessage', () => {
  it('cuts long messages between characters', () => {
    const message = `${'x'.repeat(MAX_MESSAGE_BYTES - 1)}ü`;
    const { header } = decodeFrame(encodeMessage({ type: 'log', level: 'info', message }));
    expect(header['message']).toBe('x'.repeat(MAX_MESSAGE_BYTES - 1));
  });

  it('uses the given buffer', () => {
    const buffer = new FrameBuffer(4096);
    const pong: PageMessage = { type: 'pong', id: 1 };
    const first = encodeMessage(pong, buffer);
    expect(encodeMessage({ ...pong, id: 2 }, buffer).buffer).toBe(first.buffer);
  });
});

describe('Outbox', () => {
  const answer = (id: number) => ({ type: 'unloaded', id }) as const;

  it('knows a request until the pool has its answer', () => {
    const outbox = new Outbox();
    expect(outbox.begin(1)).toBe(true);
    expect(outbox.begin(1)).toBe(false);
    expect(outbox.known()).toEqual([1]);
    expect(outbox.answer(answer(1))).toBe(true);
    expect(outbox.begin(1)).toBe(false);
    expect(outbox.known()).toEqual([1]);
    outbox.received([1]);
    expect(outbox.known()).toEqual([]);
  });

  it('lets a request be answered once', () => {
    const outbox = new Outbox();
    outbox.begin(1);
    expect(outbox.answer(answer(1))).toBe(true);
    expect(outbox.answer(answer(1))).toBe(false);
    expect(outbox.answer(answer(2))).toBe(false);
  });

  it('sends again what the pool lacks, in order, and forgets the rest', () => {
    const outbox = new Outbox();
    for (const id of [1, 2, 3, 4]) outbox.begin(id);
    outbox.answer(answer(3));
    outbox.answer(answer(1));
    outbox.answer(answer(2));
    expect(outbox.known().sort()).toEqual([1, 2, 3, 4]);
    expect(outbox.resume([1, 3, 4])).toEqual([answer(3), answer(1)]);
    expect(outbox.known().sort()).toEqual([1, 3, 4]);
    expect(outbox.isWorking(4)).toBe(true);
  });

  it('says the parts of an answer again after a break, before the answer', () => {
    const outbox = new Outbox();
    outbox.begin(1);
    outbox.begin(2);
    expect(outbox.partial(1, { text: 'a' })).toEqual({
      type: 'partial',
      id: 1,
      index: 0,
      data: { text: 'a' },
    });
    expect(outbox.partial(1, { text: 'b' })?.index).toBe(1);
    expect(outbox.partial(2, { text: 'c' })?.index).toBe(0);
    expect(outbox.partial(9, { text: 'd' })).toBeNull();
    outbox.answer({ type: 'unloaded', id: 1 });
    expect(outbox.partial(1, { text: 'late' })).toBeNull();
    const again = outbox.resume([1]).map((message) => [message.type, message.id]);
    expect(again).toEqual([
      ['partial', 1],
      ['partial', 1],
      ['unloaded', 1],
    ]);
    outbox.received([1]);
    expect(outbox.resume([1, 2]).map(({ id }) => id)).toEqual([2]);
  });
});
