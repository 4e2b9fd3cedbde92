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
});
