// Writes hamt.json: sharded folders by an implementation that shares no code with webpool.
//
//   npm install --no-save ipfs-unixfs-importer@17.1.1 blockstore-core@7.0.1 multiformats@14.0.5
//   node generate-hamt.mjs > hamt.json
//
// Entry i of a folder is named prefix + i (in decimal) and holds the text of i. `threshold` is the
// size in bytes of a plain folder's block above which it is sharded (absent: the profile's).
import { MemoryBlockstore } from 'blockstore-core'
import { importer } from 'ipfs-unixfs-importer'
import { CID } from 'multiformats/cid'

const folders = []
async function folder (name, prefix, count, threshold) {
  const store = new MemoryBlockstore()
  const options = { profile: 'unixfs-v1-2025', wrapWithDirectory: true }
  if (threshold !== undefined) options.shardSplitThresholdBytes = threshold
  const candidates = Array.from({ length: count }, (_, i) =>
    ({ path: `${prefix}${i}`, content: new TextEncoder().encode(String(i)) }))
  let last
  for await (const entry of importer(candidates, store, options)) last = entry
  const nodes = []
  for await (const { cid, bytes } of store.getAll()) {
    const parts = []
    for await (const part of bytes) parts.push(part)
    if (parts.length > 0 && last.cid.code === 0x70) {
      const block = Buffer.concat(parts)
      const node = CID.createV1(0x70, cid.multihash)
      nodes.push([node.toString(), block.length, block.toString('hex')])
    }
  }
  const root = nodes.find(node => node[0] === last.cid.toString())
  const entry = { name, prefix, count, cid: last.cid.toString(), rootBytes: root[1], dagSize: Number(last.size) }
  if (threshold !== undefined) entry.threshold = threshold
  if (root[1] < 4096) entry.rootBlock = root[2]
  folders.push(entry)
}

await folder('one', 'a', 1, 0)
await folder('three', 'file-', 3, 0)
await folder('collisions', 'x', 300, 0)
await folder('deep', 'n', 20000, 0)
await folder('largest-plain', 'entry-number-', 4150)
await folder('profile', 'entry-number-', 6000)
await folder('odd-names', 'ß %2F ü-', 40, 0)

console.log(JSON.stringify({ tool: 'ipfs-unixfs-importer 17.1.1, blockstore-core 7.0.1, multiformats 14.0.5', folders }, null, 1))
