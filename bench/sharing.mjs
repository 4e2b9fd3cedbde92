// Ten browsers behind one uplink of 20 Mbit/s fetch a model of 54 MB: browsers that give each other
// leaves ÷ browsers that don't. As root, in network namespaces that this makes and removes:
//   node bench/sharing.mjs WEBPOOL CHROMIUM FOLDER [--quick]
// The pool's namespace sends through tc's tbf; the browsers', one each, are joined by a bridge of
// their own without a limit. Each browser is a device that joined by the link. FOLDER/store keeps
// the model. A Markdown table on stdout, JSON in FOLDER/../sharing.json.
import { execFileSync, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { chromium } from 'playwright-core'

import { median } from './side-by-side.mjs'

const [webpoolProgram, chromiumProgram, folder, quick] = process.argv.slice(2)
const browsers = quick ? 3 : 10
const rounds = quick ? 1 : Number(process.env.WEBPOOL_BENCH_ROUNDS ?? 2)
const kModel = 'all-minilm-l6-v2'
const kRate = '20mbit'
const kPort = 7000
const kPool = '10.77.0.1'
const space = (name) => `wpbench${process.pid}-${name}`
const inside = (name, ...command) => execFileSync('ip', ['netns', 'exec', space(name), ...command], { encoding: 'utf8' })
const names = ['pool', ...Array.from({ length: browsers }, (_, i) => `b${i}`)]

function makeNetwork() {
  execFileSync('ip', ['netns', 'add', space('switch')])
  inside('switch', 'ip', 'link', 'add', 'bridge', 'type', 'bridge')
  inside('switch', 'ip', 'link', 'set', 'bridge', 'up')
  names.forEach((name, i) => {
    execFileSync('ip', ['netns', 'add', space(name)])
    inside('switch', 'ip', 'link', 'add', name, 'type', 'veth', 'peer', 'name', 'wire', 'netns', space(name))
    inside('switch', 'ip', 'link', 'set', name, 'master', 'bridge')
    inside('switch', 'ip', 'link', 'set', name, 'up')
    inside(name, 'ip', 'address', 'add', `10.77.0.${i + 1}/24`, 'dev', 'wire')
    inside(name, 'ip', 'link', 'set', 'wire', 'up')
    inside(name, 'ip', 'link', 'set', 'lo', 'up')
    // As on any machine. Without one a browser offers other pages no address of its own.
    if (name !== 'pool') inside(name, 'ip', 'route', 'add', 'default', 'via', kPool)
  })
  inside('pool', 'tc', 'qdisc', 'add', 'dev', 'wire', 'root', 'tbf', 'rate', kRate, 'burst', '32kb', 'latency', '400ms')
}

function removeNetwork() {
  for (const name of ['switch', ...names]) {
    try {
      execFileSync('ip', ['netns', 'delete', space(name)], { stdio: 'ignore' })
    } catch { /* It was not made. */ }
  }
}

const sentBytes = () => Number(inside('pool', 'cat', '/sys/class/net/wire/statistics/tx_bytes'))

/** `webpool serve` in the pool's namespace; told(event) for each line that it prints. */
async function serve(sharing, told) {
  const child = spawn('ip', ['netns', 'exec', space('pool'), webpoolProgram, 'serve', '--no-browser', '--no-api',
    '--no-scrub', '--join', '--no-tls', '--host', kPool, '--port', `${kPort}`, '--peer-sharing', sharing,
    '--model', kModel, '--json'], {
    env: { ...process.env, WEBPOOL_DATA_DIR: path.join(folder, 'store'), WEBPOOL_CACHE_DIR: path.join(folder, 'cache') },
    stdio: ['ignore', 'pipe', 'inherit']
  })
  const ended = new Promise((resolve) => child.once('exit', resolve))
  const link = await new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const event = JSON.parse(line)
      if (event.event === 'listening') resolve(event.link)
      told(event)
    })
    ended.then((code) => reject(new Error(`webpool serve ended with ${code}`)))
  })
  return { link, end: async () => { child.kill('SIGINT'); await ended } }
}

async function launch(i) {
  const wrapper = path.join(folder, `chromium-b${i}`)
  fs.writeFileSync(wrapper, `#!/bin/sh\nexec ip netns exec ${space(`b${i}`)} '${chromiumProgram}' "$@"\n`, { mode: 0o755 })
  return chromium.launchPersistentContext(path.join(folder, `profile-b${i}`), {
    executablePath: wrapper,
    chromiumSandbox: false, // Playwright's own default for a root user; namespaces are made by root.
    args: [`--unsafely-treat-insecure-origin-as-secure=http://${kPool}:${kPort}`]
  })
}

/** Seconds from the first agreement until the last browser has the model, and the megabytes that
 *  went through the uplink meanwhile. */
async function slice(contexts, sharing) {
  const ready = new Set()
  let allReady
  let refused
  const done = new Promise((resolve, reject) => { [allReady, refused] = [resolve, reject] })
  const pool = await serve(sharing, (event) => {
    if (process.env.WEBPOOL_BENCH_VERBOSE) console.error(JSON.stringify(event))
    if (event.event === 'refused' || event.event === 'left') refused(new Error(JSON.stringify(event)))
    if (event.event === 'serves' && ready.add(event.device).size === browsers) allReady(performance.now())
  })
  const pages = []
  try {
    for (const context of contexts) {
      const page = await context.newPage()
      pages.push(page)
      await page.goto(pool.link)
      await page.locator('#agree').waitFor()
    }
    const [begun, before] = [performance.now(), sentBytes()]
    await Promise.all(pages.map((page) => page.locator('#agree').click()))
    const seconds = ((await done) - begun) / 1000
    return { seconds, megabytes: (sentBytes() - before) / 1e6 }
  } finally {
    for (const page of pages) {
      // What this browser keeps of the model goes; the page's own code stays in its cache.
      await page.evaluate(async () => {
        const root = await navigator.storage.getDirectory()
        for await (const name of root.keys()) await root.removeEntry(name, { recursive: true }).catch(() => undefined)
      }).catch(() => undefined)
      await page.close()
    }
    await pool.end()
  }
}

fs.mkdirSync(folder, { recursive: true })
const contexts = []
const values = { auto: [], off: [] }
try {
  execFileSync(webpoolProgram, ['models', 'add', kModel, '--dtype', 'q4'], {
    env: { ...process.env, WEBPOOL_DATA_DIR: path.join(folder, 'store') }, stdio: ['ignore', 'ignore', 'inherit']
  })
  makeNetwork()
  for (let i = 0; i < browsers; i++) contexts.push(await launch(i))
  // The page's own code comes through the same uplink, once: into the browsers' caches.
  await slice(contexts, 'auto')
  for (let round = 0; round < rounds; round++) {
    for (const sharing of round % 2 ? ['off', 'auto'] : ['auto', 'off']) {
      const measured = await slice(contexts, sharing)
      console.error(`sharing ${sharing}: ${measured.seconds.toFixed(1)} s, ${measured.megabytes.toFixed(0)} MB sent`)
      values[sharing].push(measured)
    }
  }
} finally {
  for (const context of contexts) await context.close()
  removeNetwork()
  for (let i = 0; i < browsers; i++) {
    fs.rmSync(path.join(folder, `profile-b${i}`), { recursive: true, force: true })
    fs.rmSync(path.join(folder, `chromium-b${i}`), { force: true })
  }
}
const ratios = values.off.map(({ seconds }, i) => seconds / values.auto[i].seconds)
const shown = (list) => `${median(list.map(({ seconds }) => seconds)).toFixed(1)} s, ` +
  `${median(list.map(({ megabytes }) => megabytes)).toFixed(0)} MB sent`
const ratio = median(ratios)
console.log(['| figure | with sharing | without | ratio (spread) | aim |', '|---|---|---|---|---|',
  `| ${browsers} browsers behind ${kRate}, a model of 54 MB | ${shown(values.auto)} | ${shown(values.off)} | ` +
  `${ratio.toFixed(2)} (${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)}) | ` +
  `≥ 3.00 ${ratio >= 3 ? 'met' : 'missed'} |`].join('\n'))
fs.writeFileSync(path.join(path.dirname(folder), 'sharing.json'),
  `${JSON.stringify({ processors: os.cpus().length, browsers, rate: kRate, values, ratios, ratio }, null, 1)}\n`)
