import { expect, it } from 'vitest';
import { within } from './deadline';

const late = (): Error => new Error('late');
const never = new Promise<string>(() => undefined);

it('hands the result or the failure on', async () => {
  expect(await within(50, Promise.resolve('done'), late)).toBe('done');
  await expect(within(50, Promise.reject(new Error('own')), late)).rejects.toThrow('own');
});

it('ends the waiting for what never comes', async () => {
  await expect(within(5, never, late)).rejects.toThrow('late');
});
