// Helia's verified-fetch over one gateway, which is all it knows.
import { createVerifiedFetch } from '@helia/verified-fetch'
import { withHTTP } from '@helia/http'
import { createHeliaLight } from 'helia'

/** All bytes behind an address, as verified-fetch gives them. */
export async function readThrough(gateway, address) {
  const helia = await withHTTP(createHeliaLight(), {
    delegatedRouters: [gateway],
    recursiveGateways: [gateway],
    allowInsecure: true,
    allowLocal: true
  }).start()
  const fetch = await createVerifiedFetch(helia)
  try {
    const answer = await fetch(address)
    if (!answer.ok) throw new Error(`${address}: ${answer.status} ${await answer.text()}`)
    return Buffer.from(await answer.arrayBuffer())
  } finally {
    await fetch.stop()
  }
}
