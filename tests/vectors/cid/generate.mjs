// Writes unixfs.json: CIDs by an implementation that shares no code with webpool.
//
//   npm install --no-save ipfs-unixfs-importer@17.1.1 blockstore-core@7.0.1 multiformats@14.0.5
//   node generate.mjs > unixfs.json
//
// Content rule "pattern": byte i of a file is (i * 7 + (i >> 8)) mod 251. "zero": every byte is 0.
// "text": the UTF-8 bytes of `text`. Node 20 or newer; a few seconds.
import { MemoryBlockstore } from 'blockstore-core'
import { importer } from 'ipfs-unixfs-importer'
import { CID } from 'multiformats/cid'

const MiB = 1024 * 1024
const options = { profile: 'unixfs-v1-2025' }

function pattern (size) {
  const bytes = new Uint8Array(size)
  for (let i = 0; i < size; i++) bytes[i] = (i * 7 + (i >> 8)) % 251
  return bytes
}

function * zeros (size) {
  const piece = new Uint8Array(MiB)
  for (let at = 0; at < size; at += MiB) yield piece.subarray(0, Math.min(MiB, size - at))
}

/** A store that keeps dag-pb blocks only, so that the 1025 MiB file needs no memory. */
class NodeStore extends MemoryBlockstore {
  put (cid, block) {
    return cid.code === 0x70 ? super.put(cid, block) : cid
  }
}

async function importOne (path, content) {
  const store = new NodeStore()
  let last
  for await (const entry of importer([{ path, content }], store, options)) last = entry
  return { last, store }
}

async function nodesOf (store) {
  const nodes = []
  for await (const { cid, bytes } of store.getAll()) {
    const parts = []
    for await (const part of bytes) parts.push(part)
    nodes.push([CID.createV1(0x70, cid.multihash).toString(), Buffer.concat(parts).toString('hex')])
  }
  return Object.fromEntries(nodes.sort())
}

const files = []
async function file (name, rule, size, content, text) {
  const { last, store } = await importOne(name, content)
  const entry = { name, rule, size, cid: last.cid.toString() }
  if (text !== undefined) entry.text = text
  const nodes = await nodesOf(store)
  const hexLength = Object.values(nodes).reduce((sum, hex) => sum + hex.length, 0)
  if (hexLength > 0 && hexLength < 4096) entry.nodes = nodes
  files.push(entry)
}

const text = 'hello world'
await file('hello', 'text', text.length, new TextEncoder().encode(text), text)
for (const size of [0, 1, MiB - 1, MiB, MiB + 1, 3 * MiB + 17]) {
  await file(`pattern-${size}`, 'pattern', size, pattern(size))
}
await file('sparse-1025-mib', 'zero', 1025 * MiB, zeros(1025 * MiB))

// Nested folders: `files` is path -> [rule, size]; an empty folder is { path: null }.
const folders = []
async function folder (name, tree) {
  const store = new NodeStore()
  const candidates = Object.entries(tree).map(([path, size]) =>
    size === null ? { path: `${name}/${path}` } : { path: `${name}/${path}`, content: pattern(size) })
  let last
  const entries = {}
  for await (const entry of importer(candidates, store, options)) {
    entries[entry.path] = entry.cid.toString()
    last = entry
  }
  folders.push({ name, files: tree, cid: last.cid.toString(), entries, nodes: await nodesOf(store) })
}
await folder('flat', { 'b.txt': 1, 'a.txt': 300, 'B.txt': 2 })
await folder('nested', {
  'config.json': 20,
  'onnx/model.onnx': 2 * MiB + 5,
  'onnx/deep/er/x.bin': 7,
  'onnx.bin': 3,
  'zürich/ß.txt': 11,
  'same-a': 64,
  'same-b': 64,
  'empty-file': 0,
  'empty-folder': null
})

console.log(JSON.stringify({
  rule: 'pattern: byte i = (i * 7 + (i >> 8)) mod 251; zero: all 0; text: UTF-8 of text',
  profile: 'unixfs-v1-2025',
  tool: 'ipfs-unixfs-importer 17.1.1, blockstore-core 7.0.1, multiformats 14.0.5',
  files,
  folders
}, null, 1))
