// webpool's content store against Kubo, program against program, in slices that take turns:
//   node bench/content.mjs WEBPOOL KUBO FOLDER [--quick]
// A Markdown table on stdout, JSON in FOLDER/../content.json. bench/run content starts it.
import { randomFillSync } from 'node:crypto'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'

import { Kubo, Webpool } from '../tests/interop/programs.mjs'
import { alternate, seconds, Table } from './side-by-side.mjs'

const [webpoolProgram, kuboProgram, folder, quick] = process.argv.slice(2)
const kMegabyte = 1e6
const megabytes = quick ? 60 : 600
const rounds = quick ? 2 : 7

/** Seconds of a processor that a process has used so far, its threads together. */
function processorSeconds(pid) {
  const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

function curl(address) {
  const got = spawnSync('curl', ['-sSfL', '-o', '/dev/null', '-w', '%{size_download}', address], { encoding: 'utf8' })
  if (got.status !== 0) throw new Error(`curl ${address}: ${got.stderr}`)
  return Number(got.stdout)
}

const table = new Table()

fs.rmSync(folder, { recursive: true, force: true })
fs.mkdirSync(folder, { recursive: true })
const at = (name) => path.join(folder, name)
const file = at('file.bin')
const bytes = randomFillSync(Buffer.allocUnsafe(megabytes * kMegabyte))
fs.writeFileSync(file, bytes)

const webpool = new Webpool(webpoolProgram, at('webpool'))
const kubo = new Kubo(kuboProgram, at('kubo'))
kubo.init()
await kubo.startDaemon('--offline')
let bare
try {
  // Another content each time: what is there already costs neither of them much.
  let turn = 0
  const changed = () => {
    const fd = fs.openSync(file, 'r+')
    for (let offset = 0; offset < bytes.length; offset += 1 << 20) fs.writeSync(fd, `${++turn}`.padStart(9), offset)
    fs.fsyncSync(fd)
    fs.closeSync(fd)
    // What an earlier slice left to be written is not this one's.
    spawnSync('sync')
    // Nor is memory that a virtual machine's host has to give first: it is taken here, and let go.
    spawnSync('python3', ['-c', `b"x" * ${4 * bytes.length}`])
  }
  const removeAll = () => {
    for (const pin of webpool.json('content', 'pin', 'ls').pins) webpool.run('content', 'pin', 'rm', pin.name)
    webpool.run('content', 'gc')
    kubo.run('repo', 'gc', '--quiet')
  }
  const imports = (body) => async () => {
    changed()
    const taken = await seconds(body)
    removeAll()
    return megabytes / taken
  }
  table.tell('Import of one file', 'webpool content add', 'ipfs add', 'MB/s', 3, await alternate(rounds, [
    imports(() => webpool.run('content', 'add', file)),
    imports(() => kubo.run('add', '-Q', file))
  ]))

  const cid = webpool.add(file)
  if (kubo.run('add', '-Q', file).trim() !== cid) throw new Error('the CIDs differ')
  await webpool.startServer()
  // The least that it can cost: sendfile(2) and nothing else.
  bare = spawn('python3', [path.join(import.meta.dirname, 'bare-sendfile.py'), file],
    { stdio: ['ignore', 'pipe', 'inherit'] })
  const [port] = await once(bare.stdout, 'data')
  const bareOrigin = `http://127.0.0.1:${String(port).trim()}`
  const used = [[], [], []]
  const sends = (origin, child, i) => async () => {
    const before = processorSeconds(child.pid)
    const taken = await seconds(() => {
      if (curl(`${origin}/ipfs/${cid}`) !== bytes.length) throw new Error('curl got other bytes')
    })
    used[i].push((processorSeconds(child.pid) - before) / (megabytes / 1000))
    return megabytes / taken
  }
  const sent = await alternate(rounds, [
    sends(webpool.origin, webpool.child, 0), sends(kubo.gateway, kubo.child, 1), sends(bareOrigin, bare, 2)
  ])
  const times = used.map((list) => list.slice(1)) // Without the warm-up.
  table.tell('A file to one curl', 'webpool content serve', 'Kubo\'s gateway', 'MB/s', 1.3, [sent[0], sent[1]])
  table.tell('The same', 'webpool content serve', 'bare sendfile(2)', 'MB/s', 1, [sent[0], sent[2]])
  table.tell('Processor time of that', 'webpool content serve', 'Kubo\'s gateway', 's/GB', 1 / 3, [times[0], times[1]], false)
  table.tell('The same', 'webpool content serve', 'bare sendfile(2)', 's/GB', 1, [times[0], times[2]], false)

  const exports = (body) => async () => {
    fs.rmSync(at('out.car'), { force: true })
    return megabytes / (await seconds(body))
  }
  table.tell('Export of a CAR', 'webpool content export', 'ipfs dag export', 'MB/s', 5, await alternate(rounds, [
    exports(() => webpool.run('content', 'export', cid, '-o', at('out.car'))),
    exports(() => kubo.runTo(at('out.car'), 'dag', 'export', '--progress=false', cid))
  ]))
} finally {
  bare?.kill()
  await webpool.end()
  await kubo.end()
}
fs.rmSync(folder, { recursive: true, force: true })
table.print()
fs.writeFileSync(path.join(path.dirname(folder), 'content.json'), `${JSON.stringify({
  processors: os.cpus().length, megabytes, rounds, results: table.results }, null, 1)}\n`)
