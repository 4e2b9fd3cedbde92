// The licences of what is inside the built page, collected from the installed packages.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Packages whose code is in dist/. (transformers.js brings the other two inside its own build.) */
const shipped = [
  'onnxruntime-web',
  'onnxruntime-common',
  '@huggingface/transformers',
  '@huggingface/jinja',
  '@huggingface/tokenizers',
  '@wllama/wllama',
  '@wllama/wllama-compat',
];

/** Packages that name their licence (MIT) and don't carry its text. */
const texts = {
  'onnxruntime-web': 'build/licenses/onnxruntime.txt',
  'onnxruntime-common': 'build/licenses/onnxruntime.txt',
  '@wllama/wllama-compat': 'node_modules/@wllama/wllama/LICENCE',
};

export function writeNotices(root, target) {
  const parts = shipped.map((name) => {
    const folder = join(root, 'node_modules', name);
    const { version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    const own = readdirSync(folder).filter((file) => /^(licen[cs]e|notice|third)/i.test(file));
    const files = own.map((file) => readFileSync(join(folder, file), 'utf8').trim());
    if (files.length === 0) {
      if (!texts[name] || license !== 'MIT') throw new Error(`no text for the licence of ${name}`);
      files.push(readFileSync(join(root, texts[name]), 'utf8').trim());
    }
    return `${name} ${version} (${license})\n\n${files.join('\n\n')}\n`;
  });
  const rule = `\n${'='.repeat(100)}\n\n`;
  writeFileSync(target, `The page of webpool contains:\n${rule}${parts.join(rule)}`);
}
