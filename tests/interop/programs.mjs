// The programs that are compared: webpool, and a Kubo that talks to this machine only.
import { spawn, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'

/** Runs a program to its end; its standard output. */
function runToEnd(program, args, env, input) {
  const ended = spawnSync(program, args, {
    env: { ...process.env, ...env },
    maxBuffer: 1 << 28,
    encoding: 'utf8',
    input,
    timeout: 240_000
  })
  if (ended.error) throw ended.error
  if (ended.status !== 0) {
    throw new Error(`${path.basename(program)} ${args.join(' ')} ended with ${ended.status}: ` +
      String(ended.stderr).slice(-2000))
  }
  return ended.stdout
}

/** Ends a child by its own id, and waits for its end. */
async function end(child) {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  const late = setTimeout(() => child.kill('SIGKILL'), 20_000)
  await ended
  clearTimeout(late)
}

/** What `look` gives once it gives something; throws when the child ends first. */
async function waitFor(child, what, look) {
  for (let i = 0; i < 1200; i++) {
    const found = await look()
    if (found) return found
    if (child.exitCode !== null || child.signalCode !== null) break
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`${what} did not start: ${child.log.slice(-2000)}`)
}

function start(program, args, env) {
  const child = spawn(program, args,
    { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  child.log = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (text) => { child.log = (child.log + text).slice(-100_000) })
  }
  return child
}

export class Kubo {
  constructor(program, folder) {
    this.program = program
    this.env = { IPFS_PATH: folder, IPFS_TELEMETRY: 'off' }
    this.folder = folder
  }

  run(...args) { return runToEnd(this.program, args, this.env) }
  feed(input, ...args) { return runToEnd(this.program, args, this.env, input) }
  /** Its standard output goes to a file. */
  runTo(file, ...args) {
    const fd = fs.openSync(file, 'w')
    try {
      const ended = spawnSync(this.program, args,
        { env: { ...process.env, ...this.env }, stdio: ['ignore', fd, 'pipe'] })
      if (ended.status !== 0) throw new Error(`ipfs ${args.join(' ')}: ${ended.stderr}`)
    } finally {
      fs.closeSync(fd)
    }
  }

  /** A repository of its own, closed: it knows no other node, and listens on this machine only.
   *  `routers`: servers of HTTP routing v1 that it asks for providers. */
  init(routers = []) {
    fs.mkdirSync(this.folder, { recursive: true })
    this.run('init', '--empty-repo')
    this.run('config', 'profile', 'apply', 'unixfs-v1-2025')
    this.run('bootstrap', 'rm', '--all')
    const set = (key, value) => this.run('config', '--json', key, JSON.stringify(value))
    set('AutoConf.Enabled', false)
    set('Addresses.Swarm', ['/ip4/127.0.0.1/tcp/0'])
    set('Addresses.API', '/ip4/127.0.0.1/tcp/0')
    set('Addresses.Gateway', '/ip4/127.0.0.1/tcp/0')
    set('Discovery.MDNS.Enabled', false)
    set('Swarm.DisableNatPortMap', true)
    set('Swarm.RelayClient.Enabled', false)
    set('Swarm.RelayService.Enabled', false)
    set('AutoTLS.Enabled', false)
    set('AutoNAT.ServiceMode', 'disabled')
    set('DNS.Resolvers', {})
    set('Ipns.DelegatedPublishers', [])
    set('Provide.Enabled', false)
    set('Plugins.Plugins.telemetry.Config', { Mode: 'off' })
    set('Routing.DelegatedRouters', routers)
    if (routers.length === 0) {
      set('Routing.Type', 'none')
      return
    }
    set('Routing.Type', 'delegated')
    set('HTTPRetrieval.Enabled', true)
    set('HTTPRetrieval.Allowlist', ['127.0.0.1'])
  }

  async startDaemon(...args) {
    this.child = start(this.program, ['daemon', ...args], this.env)
    await waitFor(this.child, 'Kubo', () => /Daemon is ready/.test(this.child.log))
    this.gateway = fs.readFileSync(path.join(this.folder, 'gateway'), 'utf8').trim()
  }

  async end() { if (this.child) await end(this.child) }
}

export class Webpool {
  constructor(program, folder) {
    this.program = program
    this.env = { WEBPOOL_DATA_DIR: folder, WEBPOOL_CACHE_DIR: path.join(folder, 'cache') }
  }

  run(...args) { return runToEnd(this.program, args, this.env) }
  json(...args) { return JSON.parse(this.run(...args, '--json')) }

  add(file) { return this.json('content', 'add', file).added[0].cid }

  async startServer() {
    this.child = start(this.program, ['content', 'serve', '--listen', '127.0.0.1:0'], this.env)
    this.origin = await waitFor(this.child, 'webpool', () => /http:\/\/127\.0\.0\.1:\d+/.exec(this.child.log)?.[0])
  }

  async end() { if (this.child) await end(this.child) }
}
