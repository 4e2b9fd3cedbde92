// node playwright.mjs BROWSER: launches the browser, then answers each line "COUNT IN_FLIGHT FORM"
// with the milliseconds that so many trips of 1 MiB to a page and back took. Ends with its input.
import { randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';

const browser = await chromium.launch({
  executablePath: process.argv[2],
  chromiumSandbox: process.getuid() !== 0,
});
const page = await browser.newPage();
const tensor = randomBytes(1 << 20);

const trips = {
  text: (text) => page.evaluate((given) => given, text),
  bytes: (text) =>
    page.evaluate((given) => {
      const bytes = Uint8Array.fromBase64(given);
      return bytes.toBase64();
    }, text),
};

async function roundTrip(form) {
  const text = await trips[form](tensor.toString('base64'));
  return Buffer.from(text, 'base64');
}

async function measure(count, inFlight, form) {
  const begin = performance.now();
  let left = count;
  const lane = async () => {
    while (left-- > 0) {
      const back = await roundTrip(form);
      if (back.length !== tensor.length) throw new Error('the tensor came back short');
    }
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
  return performance.now() - begin;
}

for (const form of Object.keys(trips)) {
  if (!(await roundTrip(form)).equals(tensor)) throw new Error('the tensor came back wrong');
}
console.log('ready');
for await (const line of createInterface({ input: process.stdin })) {
  const [count, inFlight, form] = line.split(' ');
  console.log(await measure(Number(count), Number(inFlight), form));
}
await browser.close();
