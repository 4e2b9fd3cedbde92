// Unpacks the Chromium of @sparticuz/chromium, which has WebNN: node unpack.mjs FOLDER
// The folder appears whole or not at all.
import { spawnSync } from 'node:child_process';
import { chmodSync, createReadStream, createWriteStream, mkdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { createBrotliDecompress } from 'node:zlib';

const target = resolve(process.argv[2]);
const bin = join(dirname(fileURLToPath(import.meta.url)), 'node_modules/@sparticuz/chromium/bin');
const folder = `${target}.partial`;
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });

async function unpack(name) {
  const file = join(folder, name);
  await pipeline(
    createReadStream(join(bin, `${name}.br`)),
    createBrotliDecompress(),
    createWriteStream(file),
  );
  return file;
}

chmodSync(await unpack('chromium'), 0o755);
const archive = await unpack('swiftshader.tar');
const tar = spawnSync('tar', ['-xf', archive, '-C', folder, '--no-same-owner'], { stdio: 'inherit' });
if (tar.status !== 0) throw new Error('tar failed');
rmSync(archive);
rmSync(target, { recursive: true, force: true });
renameSync(folder, target);
