// The page behind a join link: asks its person, then shows the ordinary worker page in a frame and
// what it does, until the person stops it or the pool ends.

import { type Admission, JoinApi, type Offer, Refusal } from './api';
import { bytesText, describe } from './texts';
import { element, fill, list, onClick, show, when, write } from './view';

const kLook = 2000; // ms between two looks at what runs here
const kFarewell = 500; // ms
const api = new JoinApi();

/** A device that has joined, until it has left. */
let joined: (Admission & { frame: HTMLIFrameElement }) | null = null;
let accepting = true;
let wakeLock: WakeLockSentinel | null = null;

function key(): string {
  return new URLSearchParams(location.hash.slice(1)).get('key') ?? '';
}

async function check(): Promise<void> {
  show('checking');
  if (!key()) {
    refuse('This link is not whole', 'The part after # is missing.', 'Open or scan it again, whole.');
    return;
  }
  try {
    ask(await api.offer(key()));
  } catch (thrown) {
    refuseFor(thrown);
  }
}

function ask({ machine, models }: Offer): void {
  fill('machine', machine);
  when('insecure', !isSecureContext);
  when('models', models.length > 0);
  when('no-models', models.length === 0);
  list(
    'models',
    models.map(({ name, dtype, bytes }) => `${name} (${dtype}), ${bytesText(bytes)}`),
  );
  fill('total', bytesText(models.reduce((sum, { bytes }) => sum + bytes, 0)));
  element('wake-choice').hidden = !('wakeLock' in navigator);
  show('ask');
}

function refuse(problem: string, explanation: string, cure: string): void {
  fill('problem', problem);
  fill('explanation', explanation);
  fill('cure', cure);
  show('refused');
}

function refuseFor(thrown: unknown): void {
  if (!(thrown instanceof Refusal)) {
    refuse('The machine can’t be reached', 'It does not answer.', 'Check that both are in the same network.');
  } else if (thrown.status === 401) {
    refuse('This link is stale', 'It has expired, was taken back, or its pool has ended.', `What to do: ${thrown.hint}.`);
  } else {
    refuse('Not now', `The machine says: ${thrown.message}.`, thrown.hint && `What to do: ${thrown.hint}.`);
  }
}

async function agree(): Promise<void> {
  element<HTMLButtonElement>('agree').disabled = true;
  try {
    const admission = await api.join(key());
    const frame = document.createElement('iframe');
    frame.title = 'worker';
    frame.tabIndex = -1;
    frame.setAttribute('aria-hidden', 'true');
    frame.src = `/worker/#token=${admission.token}`;
    document.body.append(frame);
    joined = { ...admission, frame };
    accepting = true;
    write('pause', 'Pause');
    if (element<HTMLInputElement>('wake').checked) await keepScreenOn();
    look({ state: 'connecting', accepting });
    show('active');
    void watch(admission.device);
  } catch (thrown) {
    refuseFor(thrown);
  } finally {
    element<HTMLButtonElement>('agree').disabled = false;
  }
}

function look(state: Parameters<typeof describe>[0]): void {
  const { headline, detail, ...facts } = describe({ ...state, accepting });
  write('headline', headline);
  write('detail', detail);
  for (const [name, text] of Object.entries(facts)) fill(name, text);
}

/** What the worker page says of itself. */
function workerSays(): string {
  return joined?.frame.contentDocument?.getElementById('status')?.textContent ?? '';
}

async function watch(device: string): Promise<void> {
  while (joined?.device === device) {
    try {
      const state = await api.state(device);
      if (joined?.device === device) look(state);
    } catch (thrown) {
      if (joined?.device !== device) return;
      if (thrown instanceof Refusal && thrown.status === 401) {
        const reason = workerSays();
        end('It is over', `The machine that asked ended it${reason ? `: ${reason}` : ''}.`);
        return;
      }
      write('headline', 'Connecting…');
      write('detail', 'The machine that asked can’t be reached. Trying again.');
    }
    await new Promise((resolve) => setTimeout(resolve, kLook));
  }
}

async function pauseOrResume(): Promise<void> {
  if (!joined) return;
  try {
    accepting = (await api.setAccepting(joined.device, !accepting)).accepting;
    write('pause', accepting ? 'Pause' : 'Go on');
    look(await api.state(joined.device));
  } catch {
    write('detail', 'The machine that asked can’t be reached. To be sure of a pause, use Stop.');
  }
}

function stop(): void {
  if (!joined) return;
  // Said before the frame goes, so that the other side knows why; but nobody waits long for it.
  const said = api.leave(joined.device).catch(() => undefined);
  const late = new Promise((resolve) => setTimeout(resolve, kFarewell));
  end('Stopped', 'This device computes nothing any more.', Promise.race([said, late]));
}

/** The Workers end with the frame. */
function end(ending: string, reason: string, before: Promise<unknown> = Promise.resolve()): void {
  const frame = joined?.frame;
  joined = null;
  void before.then(() => {
    frame?.remove();
    void tellWhatIsKept();
  });
  void wakeLock?.release();
  wakeLock = null;
  fill('ending', ending);
  fill('reason', reason);
  write('cleared', '');
  write('kept', '');
  element('clear').hidden = true;
  show('stopped');
}

async function tellWhatIsKept(): Promise<void> {
  const usage = (await storedNames()).length
    ? ((await navigator.storage.estimate().catch(() => null))?.usage ?? 0)
    : 0;
  write(
    'kept',
    usage > 0
      ? `Fetched models are still in this browser’s storage (${bytesText(usage)}), for another time.`
      : 'Nothing of it is left in this browser.',
  );
  element('clear').hidden = usage === 0;
}

/** What lies in this origin's own file system, where the worker page keeps models. */
async function storedNames(): Promise<string[]> {
  const names: string[] = [];
  try {
    const folder = await navigator.storage.getDirectory();
    // TypeScript's list of the DOM lacks this iterator.
    const keys = (folder as unknown as { keys(): AsyncIterable<string> }).keys();
    for await (const name of keys) names.push(name);
  } catch {
    // No such storage here, so nothing in it.
  }
  return names;
}

async function clear(): Promise<void> {
  try {
    const folder = await navigator.storage.getDirectory();
    for (const name of await storedNames()) await folder.removeEntry(name, { recursive: true });
    await tellWhatIsKept();
    write('cleared', 'Deleted.');
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    write('cleared', `Not all of it could be deleted: ${why}. Try again in a moment.`);
  }
}

async function keepScreenOn(): Promise<void> {
  wakeLock = await navigator.wakeLock.request('screen').catch(() => null);
}

onClick('agree', agree);
onClick('decline', () =>
  refuse('Nothing runs here', 'You said no. You can close this page.', 'To change your mind, try again.'),
);
onClick('pause', pauseOrResume);
onClick('stop', stop);
onClick('again', check);
onClick('retry', check);
onClick('clear', clear);
addEventListener('hashchange', () => {
  if (!joined) void check();
});
addEventListener('pagehide', () => {
  if (joined) stop();
});
document.addEventListener('visibilitychange', () => {
  // A browser lets go of the lock when the page is hidden.
  if (document.visibilityState === 'visible' && wakeLock?.released) void keepScreenOn();
});
void check();
