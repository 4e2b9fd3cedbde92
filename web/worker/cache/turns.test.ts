import { describe, expect, it } from 'vitest';
import { Turns } from './turns';

describe('Turns', () => {
  it('lets the lowest rank go first, and in their order those of one rank', async () => {
    const turns = new Turns(1);
    const went: string[] = [];
    const go = (rank: number, name: string): Promise<void> =>
      turns.take(rank, async () => void went.push(name));
    await Promise.all([go(5, 'first'), go(2, 'late'), go(1, 'a'), go(1, 'b'), go(0, 'early')]);
    expect(went).toEqual(['first', 'early', 'a', 'b', 'late']);
  });

  it('lets no more go at once than it was made for, whatever becomes of them', async () => {
    const turns = new Turns(2);
    let now = 0;
    let most = 0;
    const work = async (): Promise<void> => {
      most = Math.max(most, ++now);
      await Promise.resolve();
      now -= 1;
      throw new Error('failed');
    };
    const all = await Promise.allSettled(Array.from({ length: 7 }, () => turns.take(0, work)));
    expect(all.every(({ status }) => status === 'rejected')).toBe(true);
    expect(most).toBe(2);
    expect(await turns.take(0, async () => 'still works')).toBe('still works');
  });

  it('lets more go, or fewer, when that changes', async () => {
    const turns = new Turns(1);
    const ends: (() => void)[] = [];
    const work = (): Promise<void> => new Promise((end) => ends.push(end));
    for (let i = 0; i < 6; ++i) void turns.take(0, work);
    const going = async (): Promise<number> => {
      await new Promise((resolve) => setTimeout(resolve));
      return ends.length;
    };
    expect(await going()).toBe(1);
    turns.limit(3);
    expect(await going()).toBe(3);
    turns.limit(1);
    ends[0]!();
    ends[1]!();
    expect(await going()).toBe(3);
    ends[2]!();
    expect(await going()).toBe(4);
  });
});
