// webpool's content store against Kubo, program against program, in slices that take turns:
//   node bench/content.mjs WEBPOOL KUBO FOLDER [--quick]
// A Markdown table on stdout, JSON in FOLDER/../content.json. bench/run content starts it.
import { randomFillSync } from 'node:crypto'
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'

import { Kubo, Webpool } from '../tests/interop/programs.mjs'

const [webpoolProgram, kuboProgram, folder, quick] = process.argv.slice(2)
const kMegabyte = 1e6
const megabytes = quick ? 60 : 600
const rounds = quick ? 2 : 7

const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b)
  const half = sorted.length >> 1
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2
}

/** Each slice once a round, in turned order every second round; the values of each. */
function alternate(slices) {
  for (const slice of slices) slice() // Warm-up.
  const values = slices.map(() => [])
  for (let round = 0; round < rounds; round++) {
    const order = slices.map((_, i) => i)
    if (round % 2) order.reverse()
    for (const i of order) values[i].push(slices[i]())
  }
  return values
}

const seconds = (body) => {
  const begun = process.hrtime.bigint()
  body()
  return Number(process.hrtime.bigint() - begun) / 1e9
}

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

const lines = []
const results = []
function tell(figure, ours, theirs, unit, aim, values, least = true) {
  // Slice by slice: what else the machine does hits both alike.
  const ratios = values[0].map((value, i) => value / values[1][i])
  const ratio = median(ratios)
  const met = least ? ratio >= aim : ratio <= aim
  results.push({ figure, ours, theirs, unit, values, ratios, ratio, aim, met })
  const shown = (list) => `${median(list).toPrecision(4)} ${unit}`
  lines.push(`| ${figure} | ${ours}: ${shown(values[0])} | ${theirs}: ${shown(values[1])} | ` +
    `${ratio.toFixed(2)} (${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)}) | ` +
    `${least ? '≥' : '≤'} ${aim.toFixed(2)} ${met ? 'met' : 'missed'} |`)
  console.error(lines.at(-1))
}

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
try {
  // Another content each time: what is there already costs neither of them much.
  let turn = 0
  const changed = () => {
    const fd = fs.openSync(file, 'r+')
    for (let offset = 0; offset < bytes.length; offset += 1 << 20) fs.writeSync(fd, `${++turn}`.padStart(9), offset)
    fs.closeSync(fd)
  }
  const removeAll = () => {
    for (const pin of webpool.json('content', 'pin', 'ls').pins) webpool.run('content', 'pin', 'rm', pin.name)
    webpool.run('content', 'gc')
    kubo.run('repo', 'gc', '--quiet')
  }
  const imports = (body) => () => {
    changed()
    const taken = seconds(body)
    return megabytes / taken
  }
  tell('Import of one file', 'webpool content add', 'ipfs add', 'MB/s', 3, alternate([
    imports(() => webpool.run('content', 'add', file)),
    imports(() => kubo.run('add', '-Q', file))
  ]))
  removeAll()

  const cid = webpool.add(file)
  if (kubo.run('add', '-Q', file).trim() !== cid) throw new Error('the CIDs differ')
  await webpool.startServer()
  const used = [[], []]
  const sends = (origin, child, i) => () => {
    const before = processorSeconds(child.pid)
    const taken = seconds(() => {
      if (curl(`${origin}/ipfs/${cid}`) !== bytes.length) throw new Error('curl got other bytes')
    })
    used[i].push((processorSeconds(child.pid) - before) / (megabytes / 1000))
    return megabytes / taken
  }
  tell('A file to one curl', 'webpool content serve', 'Kubo\'s gateway', 'MB/s', 1.3, alternate([
    sends(webpool.origin, webpool.child, 0), sends(kubo.gateway, kubo.child, 1)
  ]))
  tell('Processor time of that', 'webpool content serve', 'Kubo\'s gateway', 's/GB', 1 / 3,
    used.map((list) => list.slice(1)), false)

  const exports = (body) => () => {
    fs.rmSync(at('out.car'), { force: true })
    return megabytes / seconds(body)
  }
  tell('Export of a CAR', 'webpool content export', 'ipfs dag export', 'MB/s', 5, alternate([
    exports(() => webpool.run('content', 'export', cid, '-o', at('out.car'))),
    exports(() => kubo.runTo(at('out.car'), 'dag', 'export', '--progress=false', cid))
  ]))
} finally {
  await webpool.end()
  await kubo.end()
}
fs.rmSync(folder, { recursive: true, force: true })
console.log(['| figure | webpool | Kubo | ratio (spread) | aim |', '|---|---|---|---|---|', ...lines].join('\n'))
fs.writeFileSync(path.join(path.dirname(folder), 'content.json'), `${JSON.stringify({
  processors: os.cpus().length, megabytes, rounds, results }, null, 1)}\n`)
