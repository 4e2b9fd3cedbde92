// Helia's verified-fetch over one gateway, which is all it knows; in Node and in a browser's Worker.
import { createVerifiedFetch } from '@helia/verified-fetch'
import { withHTTP } from '@helia/http'
import { createHeliaLight } from 'helia'

/** All bytes behind an address, as verified-fetch gives them, and the milliseconds from asking it to
 *  the last byte. */
export async function readThrough(gateway, address) {
  const helia = await withHTTP(createHeliaLight(), {
    delegatedRouters: [gateway],
    recursiveGateways: [gateway],
    allowInsecure: true,
    allowLocal: true
  }).start()
  const fetch = await createVerifiedFetch(helia)
  try {
    const begun = performance.now()
    const answer = await fetch(address)
    if (!answer.ok) throw new Error(`${address}: ${answer.status} ${await answer.text()}`)
    const bytes = new Uint8Array(await answer.arrayBuffer())
    return { bytes, milliseconds: performance.now() - begun }
  } finally {
    await fetch.stop()
  }
}
