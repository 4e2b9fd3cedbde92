// The same file through Helia's verified-fetch, which keeps blocks in memory: its defaults, with one
// gateway and its routing.
import { readThrough } from '../../tests/interop/verified-fetch.mjs'

self.onmessage = async ({ data: { gateway, cid } }) => {
  const { bytes, milliseconds } = await readThrough(gateway, `ipfs://${cid}`)
  self.postMessage({ length: bytes.length, verified: milliseconds })
}
