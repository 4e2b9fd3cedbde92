// Compresses the page's files for devices that join over a network: FILE.br beside each FILE.
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants } from 'node:zlib';

const compress = promisify(brotliCompress);

/** Less than this is not worth a second file. */
const kLeastBytes = 4096;

/** 9 of 11: the last two levels take ten times as long for a few percent. */
function settings(size) {
  return {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: 9,
      [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS,
      [constants.BROTLI_PARAM_SIZE_HINT]: size,
    },
  };
}

/** Each file below the folder that becomes smaller by a tenth at least, several at a time. */
export async function compressBeside(folder) {
  const files = readdirSync(folder, { recursive: true })
    .map((name) => join(folder, name))
    .filter((file) => statSync(file).isFile() && !file.endsWith('.br'));
  await Promise.all(
    files.map(async (file) => {
      const bytes = readFileSync(file);
      if (bytes.length < kLeastBytes) return;
      const compressed = await compress(bytes, settings(bytes.length));
      if (compressed.length < 0.9 * bytes.length) writeFileSync(`${file}.br`, compressed);
    }),
  );
}
