// A headless Chromium with a profile of its own, for the development checks.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const kBinaries = [process.env.CHROMIUM, '/usr/lib/chromium/chromium', '/usr/bin/chromium'];

export function newProfile() {
  const folder = mkdtempSync(join(tmpdir(), 'webpool-dev-'));
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** Opens `url`; `close` ends the browser and resolves when its process is gone. */
export function openBrowser(url, folder, { onConsole = () => {}, extra = [] } = {}) {
  const binary = kBinaries.find((path) => path && existsSync(path));
  if (!binary) throw new Error('no Chromium found: set CHROMIUM to its binary');
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
    `--user-data-dir=${folder}`,
    ...extra,
  ];
  const child = spawn(binary, [...flags, url], {
    env: { ...process.env, HOME: folder },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  child.stderr.setEncoding('utf8');
  child.stderr.on('data', (text) => {
    for (const line of text.split('\n')) {
      const found = /CONSOLE[^"]*"(.*)", source:/.exec(line);
      if (found) onConsole(found[1]);
    }
  });
  const gone = new Promise((resolve) => child.once('exit', resolve));
  return {
    kill: () => {
      child.kill('SIGKILL');
      return gone;
    },
    close: async () => {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 5000);
      await gone;
      clearTimeout(timer);
    },
  };
}
