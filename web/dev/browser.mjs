// A browser with a profile of its own, for the development checks: launched as webpool would, but
// with its console on this side where the browser gives it away.
import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const kChromium = [process.env.CHROMIUM, '/usr/lib/chromium/chromium', '/usr/bin/chromium'];
const kFirefox = [process.env.FIREFOX, '/usr/lib/firefox-esr/firefox-esr', '/usr/lib/firefox/firefox'];
const kMiniBrowser = [
  process.env.MINIBROWSER,
  '/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser',
  '/usr/libexec/webkit2gtk-4.1/MiniBrowser',
];

export const kBrowsers = ['chromium', 'chromium-webnn', 'firefox', 'webkit'];

export function newProfile() {
  const folder = mkdtempSync(join(tmpdir(), 'webpool-dev-'));
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

function find(paths, what) {
  const found = paths.find((path) => path && existsSync(path));
  if (!found) throw new Error(`no ${what} found: set its variable to the binary (dev/browser.mjs)`);
  return found;
}

/** `webnn`: a Chromium that has WebNN compiled in; CHROMIUM_WEBNN names its binary. */
function chromium(url, folder, webnn) {
  const flags = [
    '--headless=new',
    ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--no-first-run',
    '--no-default-browser-check',
    '--disable-quic',
    '--disable-background-timer-throttling',
    '--disable-renderer-backgrounding',
    '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
    '--enable-unsafe-webgpu',
    '--enable-logging=stderr',
    ...(webnn ? ['--enable-features=WebMachineLearningNeuralNetwork'] : []),
    `--user-data-dir=${folder}`,
  ];
  const binary = webnn
    ? find([process.env.CHROMIUM_WEBNN], 'Chromium with WebNN (CHROMIUM_WEBNN)')
    : find(kChromium, 'Chromium');
  return { binary, args: [...flags, url], env: {} };
}

const kFirefoxPrefs = {
  'dom.webgpu.enabled': true,
  'gfx.webgpu.ignore-blocklist': true,
  'app.update.enabled': false,
  'browser.safebrowsing.malware.enabled': false,
  'browser.safebrowsing.phishing.enabled': false,
  'browser.shell.checkDefaultBrowser': false,
  'browser.startup.homepage_override.mstone': 'ignore',
  'captivedetect.canonicalURL': '',
  'datareporting.healthreport.uploadEnabled': false,
  'datareporting.policy.dataSubmissionEnabled': false,
  'devtools.console.stdout.content': true,
  'dom.push.enabled': false,
  'dom.push.serverURL': '',
  'extensions.update.enabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'services.settings.server': 'http://127.0.0.1:9/',
  'toolkit.telemetry.enabled': false,
  'toolkit.telemetry.unified': false,
};

function firefox(url, folder) {
  const prefs = Object.entries(kFirefoxPrefs).map(
    ([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`,
  );
  writeFileSync(join(folder, 'user.js'), prefs.join(''));
  return {
    binary: find(kFirefox, 'Firefox (FIREFOX)'),
    args: ['-headless', '-no-remote', '-profile', folder, ...[url].flat()],
    env: { MOZ_CRASHREPORTER_DISABLE: '1' },
  };
}

/** The Safari family on Linux. Needs a display: Xvfb lends one. */
async function webkit(url, folder) {
  const runtime = join(folder, 'runtime');
  mkdirSync(runtime, { recursive: true, mode: 0o700 });
  const features = 'FileSystem,AccessHandle,StorageAPI,FileSystemWritableStream,StorageAPIEstimate';
  return {
    binary: find(kMiniBrowser, 'MiniBrowser (MINIBROWSER)'),
    args: [`--features=${features}`, url],
    env: {
      XDG_RUNTIME_DIR: runtime,
      XDG_CACHE_HOME: join(folder, 'cache'),
      XDG_CONFIG_HOME: join(folder, 'config'),
      XDG_DATA_HOME: join(folder, 'data'),
      JSC_useSharedArrayBuffer: '1',
      DISPLAY: (await display()).name,
    },
  };
}

let shared = null;

/** One Xvfb for this process; it chooses its number itself and tells it by a pipe. */
function display() {
  shared ??= new Promise((resolve, reject) => {
    const child = spawn(
      'Xvfb',
      ['-displayfd', '3', '-screen', '0', '1024x768x24', '-nolisten', 'tcp'],
      { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] },
    );
    child.once('error', reject);
    child.stdio[3].once('data', (text) => resolve({ name: `:${String(text).trim()}`, child }));
  });
  return shared;
}

/** Ends the display, if one was lent. */
export async function closeDisplay() {
  (await shared)?.child.kill();
}

/** Every process below `pid`, children before their children. */
function descendants(pid) {
  const children = new Map();
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const parent = parentOf(entry);
    if (parent) children.set(parent, [...(children.get(parent) ?? []), Number(entry)]);
  }
  const below = (of) => (children.get(of) ?? []).flatMap((child) => [child, ...below(child)]);
  return below(pid);
}

function parentOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return 0; // It has ended meanwhile.
  }
}

function commandOf(pid) {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return ''; // It has ended meanwhile.
  }
}

/**
 * Opens `url` (Firefox: one or a list, of which the last is in front); `close` ends the browser and
 * resolves when its process is gone.
 */
export async function openBrowser(name, url, folder, { onConsole = () => {} } = {}) {
  const launch = {
    chromium: () => chromium(url, folder, false),
    'chromium-webnn': () => chromium(url, folder, true),
    firefox: () => firefox(url, folder),
    webkit: () => webkit(url, folder),
  }[name];
  if (!launch) throw new Error(`--browser is one of ${kBrowsers.join(', ')}`);
  const { binary, args, env } = await launch();
  const child = spawn(binary, args, {
    env: { ...process.env, HOME: folder, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const listen = (stream) => {
    stream.setEncoding('utf8');
    stream.on('data', (text) => {
      for (const line of text.split('\n')) {
        const found = /CONSOLE[^"]*"(.*)", source:/.exec(line)?.[1] ?? /^console\..*/.exec(line)?.[0];
        if (found) onConsole(found);
      }
    });
  };
  listen(child.stdout);
  listen(child.stderr);
  const gone = new Promise((resolve) => child.once('exit', resolve));
  const end = async () => {
    const all = descendants(child.pid); // Not all of them end with the first.
    child.kill('SIGKILL');
    for (const pid of all) endProcess(pid);
    await gone;
  };
  return {
    pid: child.pid,
    /** The process that talks to the GPU, where it is one of its own (Chromium); else null. */
    gpuProcess: () => {
      const pid = descendants(child.pid).find((each) => commandOf(each).includes('=gpu-process'));
      return pid === undefined ? null : { pid, kill: () => endProcess(pid) };
    },
    kill: end,
    close: async () => {
      const timer = setTimeout(() => void end(), 5000);
      child.kill('SIGTERM');
      await gone;
      clearTimeout(timer);
    },
  };
}

function endProcess(pid) {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself.
  }
}
