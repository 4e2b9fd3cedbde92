// webpool's own way of a file into a browser, for bench/content-browser.mjs: a Worker that fetches,
// verifies and keeps (OPFS), as the page of a pool does.
import { OpfsStorage } from '../../web/worker/cache/opfs-storage';
import { HttpSource } from '../../web/worker/cache/source';
import { VerifiedCache } from '../../web/worker/cache/verified-cache';

self.onmessage = async ({ data: { gateway, cid, size } }) => {
  const storage = await OpfsStorage.open('bench');
  const cache = new VerifiedCache({
    storage,
    source: new HttpSource(gateway, (url, options) => fetch(url, options)),
    lock: (_, work) => work(),
    log: (level, message) => console.log(level, message),
  });
  const begun = performance.now();
  const { bytes, sources } = await cache.load(cid, size);
  const verified = performance.now() - begun;
  await cache.kept();
  const kept = performance.now() - begun;
  self.postMessage({ length: bytes.length, verified, kept, sources });
};
