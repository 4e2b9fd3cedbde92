// Checks the built page in a real browser, with the miniature pool of dev-server.mjs.
//
//   npm run build
//   node dev/check-browser.mjs --minilm FOLDER [--browser chromium|chromium-webnn|firefox|webkit]
//     [--fp32 FILE.onnx] [--fp16 FILE.onnx] [--silero FILE.onnx] [--webgpu] [--webnn]
//     [--only PART_OF_A_NAME] [--dist FOLDER] [--verbose]
//
// FOLDER holds config.json, tokenizer.json, tokenizer_config.json, onnx/model_q4.onnx(_data).
// CHROMIUM, CHROMIUM_WEBNN, FIREFOX and MINIBROWSER name other binaries.
// Prints a line for each check and ends with status 1 if one failed.
import { parseArgs } from 'node:util';
import { closeDisplay } from './browser.mjs';
import { makeBench } from './checks/bench.mjs';
import { checkLife } from './checks/life.mjs';
import { checkModels } from './checks/models.mjs';

const { values: args } = parseArgs({
  options: {
    browser: { type: 'string', default: 'chromium' },
    dist: { type: 'string' },
    minilm: { type: 'string' },
    fp32: { type: 'string' },
    fp16: { type: 'string' },
    silero: { type: 'string' },
    webgpu: { type: 'boolean' },
    webnn: { type: 'boolean' },
    only: { type: 'string' },
    verbose: { type: 'boolean' },
  },
});
if (!args.minilm) throw new Error('--minilm FOLDER is missing');

const bench = await makeBench(args);
await checkModels(bench);
await checkLife(bench);
bench.end();
await closeDisplay();
const failed = bench.count();
console.log(failed === 0 ? 'all checks passed' : `${failed} checks failed`);
process.exit(failed === 0 ? 0 : 1);
