// webpool against other implementations of IPFS: scripts/interop starts it.
//   node run.mjs WEBPOOL KUBO FOLDER
// FOLDER is made anew, and removed at the end.
// Every check prints its time; the last line is "N passed, N failed".
import fs from 'node:fs'
import path from 'node:path'

import { expectSame } from './compare.mjs'
import { Kubo, Webpool } from './programs.mjs'
import { kLargest, makeModelFolder, makeShapes } from './shapes.mjs'

const [webpoolProgram, kuboProgram, folder] = process.argv.slice(2)
let passed = 0
let failed = 0

async function check(name, body) {
  const begun = performance.now()
  let error
  try {
    await body()
  } catch (caught) {
    error = caught
  }
  const seconds = ((performance.now() - begun) / 1000).toFixed(1)
  console.log(`${error ? 'FAILED' : 'passed'} ${seconds.padStart(6)} s  ${name}`)
  if (error) console.log(`  ${error.stack ?? error}`)
  error ? failed++ : passed++
}

function equal(got, expected, what = 'it') {
  if (got !== expected) throw new Error(`${what} is ${got}, expected ${expected}`)
}

fs.rmSync(folder, { recursive: true, force: true })
fs.mkdirSync(folder, { recursive: true })
const at = (...parts) => path.join(folder, ...parts)
const webpool = new Webpool(webpoolProgram, at('webpool'))
const kubo = new Kubo(kuboProgram, at('kubo'))

const begun = performance.now()
fs.mkdirSync(at('shapes'))
const shapes = makeShapes(at('shapes'))
const model = makeModelFolder(at('model'))
console.log(`interop: ${shapes.length} shapes made in ${((performance.now() - begun) / 1000).toFixed(1)} s`)
kubo.init()
await kubo.startDaemon('--offline')

const cids = {}
for (const name of shapes) {
  await check(`the CID of ${name} is that of ipfs add`, () => {
    cids[name] = webpool.add(at('shapes', name))
    equal(kubo.run('add', '-r', '-Q', '--only-hash', at('shapes', name)).trim(), cids[name], 'Kubo\'s CID')
  })
}

await check('a folder of 100,000 entries is listed, described, verified and read', () => {
  const cid = cids[kLargest]
  equal(webpool.json('content', 'ls', cid).entries.length, 100_000, 'the number of entries')
  equal(webpool.json('content', 'stat', cid).files, 100_000, 'the number of files')
  equal(webpool.json('content', 'verify', cid).verified[0].ok, true)
  equal(webpool.run('content', 'get', `${cid}/entry-54321`, '-o', '-'), 'entry 54321\n')
  webpool.run('content', 'get', cid, '-o', at('got'))
  expectSame(at('shapes', kLargest), at('got'))
  fs.rmSync(at('got'), { recursive: true })
})

await check('and a collection keeps it, until nothing pins it', () => {
  equal(webpool.json('content', 'gc').files, 0, 'the number of files that went')
  webpool.run('content', 'pin', 'rm', cids[kLargest])
  equal(webpool.json('content', 'gc').files, 100_000, 'the number of files that went')
  fs.rmSync(at('shapes', kLargest), { recursive: true })
})

const carried = ['some-leaves', 'odd-names', 'links', 'long-names', 'duplicates', 'deep', 'empty-inside']
for (const name of carried) {
  await check(`a CAR of ${name} goes from webpool to Kubo`, () => {
    webpool.run('content', 'export', cids[name], '-o', at('out.car'))
    kubo.run('dag', 'import', '--pin-roots=false', at('out.car'))
    kubo.run('get', cids[name], '-o', at('got'))
    expectSame(at('shapes', name), at('got'))
    fs.rmSync(at('got'), { recursive: true })
    fs.rmSync(at('out.car'))
  })
}

// Layouts that webpool reads and does not write.
const foreign = {
  'chunks of 256 KiB in version 0': ['--cid-version=0', '--raw-leaves=false', '--chunker=size-262144', '--max-file-links=174'],
  'trickle trees': ['--trickle', '--chunker=size-10000', '--raw-leaves=false'],
  'chunks cut by content': ['--chunker=buzhash'],
  'inlined blocks': ['--inline', '--inline-limit=64'],
  'the profile of today': []
}
for (const [what, flags] of Object.entries(foreign)) {
  await check(`a CAR with ${what} goes from Kubo to webpool`, () => {
    const cid = kubo.run('add', '-r', '-Q', '--pin=false', ...flags, model).trim()
    kubo.runTo(at('in.car'), 'dag', 'export', cid)
    const other = new Webpool(webpoolProgram, at('other'))
    other.run('content', 'import', at('in.car'), '--pin')
    equal(other.json('content', 'gc').blocks, 0, 'the number of blocks that went')
    equal(other.json('content', 'verify', cid).verified[0].ok, true)
    other.run('content', 'get', cid, '-o', at('got'))
    expectSame(model, at('got'))
    equal(webpool.add(at('got')), webpool.add(model), 'the CID of what came')
    // And back, untouched.
    other.run('content', 'export', cid, '-o', at('back.car'))
    equal(kubo.feed(fs.readFileSync(at('back.car')), 'dag', 'import', '--stats', '--pin-roots=false')
      .includes('Imported'), true)
    for (const name of ['got', 'other', 'in.car', 'back.car']) fs.rmSync(at(name), { recursive: true })
  })
}

await check('webpool takes a model from Kubo\'s gateway', () => {
  const cid = kubo.run('add', '-r', '-Q', model).trim()
  const other = new Webpool(webpoolProgram, at('other'))
  other.run('models', 'add', `ipfs://${cid}`, '--name', 'from-kubo', '--gateway', kubo.gateway)
  other.run('content', 'get', cid, '-o', at('got'))
  expectSame(model, at('got'))
  fs.rmSync(at('got'), { recursive: true })
})
await kubo.end()

const modelCid = webpool.add(model)
await webpool.startServer()
const reader = new Kubo(kuboProgram, at('reader'))
await check('Kubo takes a model from webpool\'s gateway, found by HTTP routing', async () => {
  reader.init([webpool.origin])
  await reader.startDaemon()
  reader.run('get', modelCid, '-o', at('got'))
  expectSame(model, at('got'))
  fs.rmSync(at('got'), { recursive: true })
})
await reader.end()

await check('verified-fetch reads a model from webpool\'s gateway', async () => {
  const { readThrough } = await import('./verified-fetch.mjs')
  for (const name of ['config.json', 'tokenizer.json', 'onnx/model.onnx']) {
    const { bytes } = await readThrough(webpool.origin, `ipfs://${modelCid}/${name}`)
    equal(Buffer.compare(bytes, fs.readFileSync(path.join(model, name))), 0, name)
  }
})
await webpool.end()

fs.rmSync(folder, { recursive: true, force: true })
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)
