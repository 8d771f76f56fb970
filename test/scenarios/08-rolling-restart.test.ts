/** Fronts and workers are told to end and replaced in turn under steady load, behind node:cluster and behind haproxy: no request fails. */
import { afterEach, describe, expect, test } from '@jest/globals'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { endPrograms, type Program, startProgram } from '../helpers/programs/start'
import { describeWithRedis, startTestRedis, type TestRedis } from '../helpers/redis'
import { until } from '../helpers/until'
import { type Kind, offer, type Offered } from './offered'
import { freePort } from '../../launch/test/launched'

const folder = join(__dirname, '../../examples/rolling')
const HAPROXY = 'haproxy'
const PER_SECOND = 120
const START_MS = 20_000

const kinds: Kind[] = [
  { method: 'GET', keep: true, handlerMs: 5 },
  { method: 'POST', keep: true, handlerMs: 5 },
  { method: 'GET', keep: false, handlerMs: 5 },
  { method: 'POST', keep: false, handlerMs: 5 },
  { method: 'POST', keep: true, handlerMs: 300 },
]

interface Running {
  readonly child: ChildProcess
  readonly ended: Promise<unknown>
  says(text: RegExp, times: number): Promise<void>
  /** How many of its lines match. */
  said(text: RegExp): number
}

const haproxy = spawnSync(HAPROXY, ['-v']).error === undefined
const describeHaproxy = haproxy || process.env.CI === 'true' ? describe : describe.skip

describeWithRedis('replaced in turn under load', () => {
  let redis: TestRedis
  let running: Running[] = []
  afterEach(async () => {
    for (const { child } of running) child.kill('SIGKILL')
    await Promise.all(running.map(({ ended }) => ended))
    running = []
    await endPrograms()
    await redis.stop()
  })

  function run(command: string, args: string[], env: Record<string, string>): Running {
    const child = spawn(command, args, {
      env: { ...process.env, REDIS_URL: redis.url, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => (output += chunk.toString()))
    }
    const each: Running = {
      child,
      ended: once(child, 'exit'),
      said: (text) => output.split('\n').filter((line) => text.test(line)).length,
      async says(text, times) {
        await until(() => each.said(text) >= times, START_MS)
      },
    }
    running.push(each)
    return each
  }

  const node = (file: string, env: Record<string, string>): Running =>
    run(process.execPath, [join(folder, file)], env)

  async function startWorker(): Promise<Program> {
    const config = [{ queues: ['tempest'], redis: redis.url, concurrency: 16 }]
    const worker = await startProgram('worker', config)
    await worker.ask('started')
    return worker
  }

  /** Each worker in turn: the next one is there before it is told to end. */
  async function replaceWorkers(workers: Program[]): Promise<void> {
    for (const old of workers.splice(0)) {
      workers.push(await startWorker())
      expect(await old.end()).toBe(0)
    }
  }

  const isReady = async (port: number): Promise<boolean> =>
    fetch(`http://127.0.0.1:${port}/readyz`, { headers: { connection: 'close' } }).then(
      (answer) => answer.ok,
      () => false,
    )

  function account(all: readonly Offered[]): void {
    const failed = all.filter(({ status, right }) => status !== 200 || right !== true)
    expect(failed.slice(0, 10)).toEqual([])
    expect(all.length).toBeGreaterThan(PER_SECOND)
    if (process.env.TEMPEST_SCENARIO_ACCOUNT !== undefined) console.log(`${all.length} requests`)
  }

  test('fronts of a cluster and workers: every request is answered', async () => {
    redis = await startTestRedis()
    const port = await freePort()
    const workers = [await startWorker(), await startWorker()]
    const cluster = node('cluster.mjs', { PORT: String(port), FRONTS: '2' })
    await cluster.says(/is ready/, 2)
    const load = offer([port], kinds)
    load.rate(PER_SECOND)
    await until(() => load.all.some(({ status }) => status === 200))
    cluster.child.kill('SIGHUP')
    await cluster.says(/^replaced/, 1)
    await replaceWorkers(workers)
    await load.finish()
    account(load.all)
    cluster.child.kill('SIGTERM')
    expect(await cluster.ended).toEqual([0, null])
  })

  describeHaproxy(haproxy ? 'behind haproxy' : 'behind haproxy (skipped: no haproxy here)', () => {
    test('fronts that are ended one after the other, and workers: every request is answered', async () => {
      redis = await startTestRedis()
      const [web, a, b] = [await freePort(), await freePort(), await freePort()]
      const workers = [await startWorker(), await startWorker()]
      const start = (port: number): Running =>
        node('front.mjs', { PORT: String(port), UNREADY_MS: '2500' })
      const fronts = [
        { name: 'a', port: a, front: start(a) },
        { name: 'b', port: b, front: start(b) },
      ]
      for (const { port } of fronts) await until(() => isReady(port), START_MS)
      const env = { WEB: `127.0.0.1:${web}`, FRONT_A: `127.0.0.1:${a}`, FRONT_B: `127.0.0.1:${b}` }
      const balancer = run(HAPROXY, ['-db', '-f', join(folder, 'haproxy.cfg')], env)
      await until(() => isReady(web), START_MS)
      const load = offer([web], kinds)
      load.rate(PER_SECOND)
      for (const each of fronts) {
        const up = new RegExp(`Server fronts/${each.name} is UP`)
        // One that stood still for a moment may have been down before.
        const before = balancer.said(up)
        each.front.child.kill('SIGTERM')
        expect(await each.front.ended).toEqual([0, null])
        each.front = start(each.port)
        await balancer.says(up, before + 1)
      }
      await replaceWorkers(workers)
      await load.finish()
      account(load.all)
    })
  })
})
