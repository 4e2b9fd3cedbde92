// A file from one gateway into one browser, verified: webpool's page against Helia's verified-fetch,
// in slices that take turns:
//   node bench/content-browser.mjs WEBPOOL CHROMIUM FOLDER [--quick]
// A Markdown table on stdout, JSON in FOLDER/../content-browser.json. bench/run content starts it.
import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { chromium } from 'playwright-core'

import { Webpool } from '../tests/interop/programs.mjs'
import { alternate, Table } from './side-by-side.mjs'

const [webpoolProgram, chromiumProgram, folder, quick] = process.argv.slice(2)
const megabytes = quick ? 20 : 200
const rounds = quick ? 2 : 7

const { buildSync } = createRequire(path.resolve(import.meta.dirname, '../web/package.json'))('esbuild')
function bundle(name) {
  const { outputFiles } = buildSync({
    entryPoints: [path.join(import.meta.dirname, 'pages', name)],
    bundle: true, format: 'esm', platform: 'browser', target: 'es2022', minify: true, write: false, logLevel: 'error'
  })
  return outputFiles[0].text
}

const scripts = {
  '/webpool.js': bundle('fetch-webpool.ts'),
  '/helia.js': bundle('fetch-helia.mjs'),
  '/bare.js': bundle('fetch-bare.mjs')
}
const pages = createServer((request, answer) => {
  const script = scripts[request.url]
  answer.writeHead(200, { 'content-type': script ? 'text/javascript' : 'text/html' })
  answer.end(script ?? '<!doctype html><title>fetch</title>')
})
await new Promise((resolve) => pages.listen(0, '127.0.0.1', resolve))
const origin = `http://127.0.0.1:${pages.address().port}`

fs.rmSync(folder, { recursive: true, force: true })
fs.mkdirSync(folder, { recursive: true })
const file = path.join(folder, 'file.bin')
fs.writeFileSync(file, randomBytes(megabytes * 1e6))
const webpool = new Webpool(webpoolProgram, path.join(folder, 'webpool'))
const cid = webpool.add(file)
await webpool.startServer()
const context = await chromium.launchPersistentContext(path.join(folder, 'profile'), {
  executablePath: chromiumProgram,
  chromiumSandbox: process.getuid() !== 0
})

/** One fetch in a page of its own; `which`: what of its times counts. */
const fetches = (script, which) => async () => {
  const page = await context.newPage()
  try {
    await page.goto(`${origin}/`)
    const told = await page.evaluate(async ({ script, task }) => {
      const worker = new Worker(script, { type: 'module' })
      const answer = await new Promise((resolve, reject) => {
        worker.onmessage = ({ data }) => resolve(data)
        worker.onerror = (event) => reject(new Error(event.message))
        worker.postMessage(task)
      })
      worker.terminate()
      const root = await navigator.storage.getDirectory()
      for await (const name of root.keys()) await root.removeEntry(name, { recursive: true })
      return answer
    }, { script, task: { gateway: webpool.origin, cid, size: megabytes * 1e6 } })
    if (told.length !== megabytes * 1e6) throw new Error(`${script}: ${JSON.stringify(told)}`)
    return (megabytes * 1000) / told[which]
  } finally {
    await page.close()
  }
}

const table = new Table()
try {
  const [verified, kept, helia, bare] = await alternate(rounds, [
    fetches('/webpool.js', 'verified'), fetches('/webpool.js', 'kept'), fetches('/helia.js', 'verified'),
    fetches('/bare.js', 'verified')
  ])
  table.tell('A file into a browser, verified', 'webpool', 'verified-fetch', 'MB/s', 3, [verified, helia])
  table.tell('The same, and kept on the disk', 'webpool', 'verified-fetch (in memory)', 'MB/s', 3, [kept, helia])
  table.tell('The same', 'webpool', 'bare fetch(), not verified', 'MB/s', 1, [verified, bare])
} finally {
  await context.close()
  await webpool.end()
  pages.close()
}
fs.rmSync(folder, { recursive: true, force: true })
table.print()
fs.writeFileSync(path.join(path.dirname(folder), 'content-browser.json'), `${JSON.stringify({
  processors: os.cpus().length, megabytes, rounds, results: table.results }, null, 1)}\n`)
