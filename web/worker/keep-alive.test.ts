import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { keptAlive } from './keep-alive';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** A collection in a later task: a WeakRef keeps its target to the end of the task that made it. */
async function collected(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 0));
  collectGarbage();
}

class Handle {
  /** As a browser's own method: nothing of the handle is in the promise. */
  open(answer: Promise<string>): Promise<string> {
    return answer;
  }
}

describe('keptAlive', () => {
  it('holds the object until its promise settles, and no longer', async () => {
    let settle: (text: string) => void = () => undefined;
    const answer = new Promise<string>((resolve) => (settle = resolve));
    const call = (): { weak: WeakRef<Handle>; opened: Promise<string> } => {
      const handle = new Handle();
      return { weak: new WeakRef(handle), opened: keptAlive(handle, (it) => it.open(answer)) };
    };
    const { weak, opened } = call();
    await collected();
    expect(weak.deref()).toBeDefined();
    settle('open');
    expect(await opened).toBe('open');
    await collected();
    expect(weak.deref()).toBeUndefined();
  });

  it('is needed: a plain call does not hold the object', async () => {
    const call = (): WeakRef<Handle> => {
      const handle = new Handle();
      void handle.open(new Promise(() => undefined));
      return new WeakRef(handle);
    };
    const weak = call();
    await collected();
    expect(weak.deref()).toBeUndefined();
  });

  it('lets the object go after a failure, and passes the failure on', async () => {
    const call = (): { weak: WeakRef<Handle>; opened: Promise<string> } => {
      const handle = new Handle();
      const opened = keptAlive(handle, (it) => it.open(Promise.reject(new Error('locked'))));
      return { weak: new WeakRef(handle), opened };
    };
    const { weak, opened } = call();
    await expect(opened).rejects.toThrow('locked');
    await collected();
    expect(weak.deref()).toBeUndefined();
  });
});
