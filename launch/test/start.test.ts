import { afterEach, expect, test } from '@jest/globals'
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { networkInterfaces } from 'node:os'
import { text } from 'node:stream/consumers'
import { describeWithRedis, startTestRedis, type TestRedis } from '../../test/helpers/redis'
import { until } from '../../test/helpers/until'
import { endAll, freePort, isAlive, ORPHAN_MS, launch, type Launched, type } from './launched'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  await endAll()
  for (const cleanup of cleanups.splice(0)) await cleanup()
})

/** A started Tempest, once its banner is there. */
async function startUp(env: Record<string, string> = {}): Promise<Up> {
  const port = await freePort()
  const program = launch('start', { PORT: String(port), ...env })
  await program.says('To try')
  await program.says(/npm run worker\n/)
  const pids = [...program.output().matchAll(/pid (\d+)/g)].map((match) => Number(match[1]))
  return { program, pids, port, url: `http://localhost:${port}` }
}

interface Up {
  program: Launched
  /** As printed: front, worker, worker, and Redis where it is private. */
  pids: number[]
  port: number
  url: string
}

async function redisWith(...args: string[]): Promise<TestRedis> {
  const redis = await startTestRedis(...args)
  cleanups.push(() => redis.stop())
  return redis
}

describeWithRedis('npm start', () => {
  test('serves', async () => {
    const { program, pids, port, url } = await startUp()
    expect(program.output()).not.toMatch(/npm ci|tsc -b/)
    expect(pids).toHaveLength(4)
    const addresses = ['127.0.0.1', ...(hasIpv6() ? ['[::1]'] : []), 'localhost']
    for (const address of addresses) {
      const response = await fetch(`http://${address}:${port}/path?a=1`)
      expect(await response.text()).toMatch(/^Hello from worker \d+: GET \/path\?a=1\n$/)
    }
    const posted = await fetch(url, { method: 'POST', body: new Uint8Array([0xff, 0, 1]) })
    expect(await posted.json()).toMatchObject({ bytes: 3 })
    expect((await fetch(`${url}/error`)).status).toBe(500)
  })

  test('what it prints works as printed', async () => {
    const { program } = await startUp()
    const printed = commandsOf(program)
    const outputs: string[] = []
    const stream = type(printed.find((line) => line.endsWith('/sub/test')) ?? '')
    await stream.says('joined')
    const ending = printed.filter(
      (line) => /^curl |-cli /.test(line) && !line.endsWith('/sub/test'),
    )
    for (const line of ending) {
      const typed = type(line)
      expect(await typed.ended).toBe(0)
      outputs.push(typed.output())
    }
    expect(outputs.join('')).toContain('Hello from worker')
    expect(outputs.join('')).toContain('"bytes":8')
    expect(outputs.join('')).toContain('data: 10 of 10\n')
    expect(outputs.join('')).toContain('HTTP/1.1 410 Gone')
    expect(outputs.join('')).toContain('["answer","job-1",5]')
    await until(() => stream.output().split('data: Bob\n').length === 3)
    expect(stream.output()).toMatch(/id: \d+-0\ndata: Bob\n/)
    stream.signal('SIGINT')
    await stream.ended
    const worker = type(printed.find((line) => line.endsWith('npm run worker')) ?? '')
    await worker.says('Ctrl-C ends it')
    worker.signal('SIGINT')
    await worker.ended
  })

  test('Ctrl-C drains and leaves nothing', async () => {
    const { program, pids, port, url } = await startUp()
    const slow = await askSlowly(port, 700)
    program.signal('SIGINT')
    program.signal('SIGTERM') // within a second: the same request, as npm and a terminal make it
    await program.says('Stopping')
    expect(await slow.answer).toBe('Hello after 700 ms\n')
    expect(await program.ended).toBe(0)
    await until(() => !pids.some(isAlive))
    await expect(fetch(url)).rejects.toThrow()
  })

  test('a second Ctrl-C, more than a second later, ends it at once', async () => {
    const { program, pids, port } = await startUp()
    await askSlowly(port, 30_000)
    const asked = performance.now()
    const again = setInterval(() => program.signal('SIGINT'), 100)
    expect(await program.ended).toBe(1)
    clearInterval(again)
    const tookMs = performance.now() - asked
    expect(tookMs).toBeGreaterThan(1000)
    expect(tookMs).toBeLessThan(10_000)
    await until(() => !pids.some(isAlive))
  })

  test('a worker that is killed is replaced, and requests go on', async () => {
    const { program, pids, url } = await startUp()
    process.kill(pids[1] ?? 0, 'SIGKILL')
    await program.says(`Worker ${pids[1]} ended (SIGKILL); another one starts`)
    const answered = new Set([pids[1], pids[2]].map(String))
    await until(async () => {
      const text = await (await fetch(url)).text()
      answered.add(/worker (\d+)/.exec(text)?.[1] ?? '')
      return answered.size === 3
    })
  })

  test('killed itself (kill -9), it leaves no process', async () => {
    const { program, pids } = await startUp()
    process.kill(program.pid, 'SIGKILL')
    await until(() => !pids.some(isAlive), ORPHAN_MS)
  })

  test.each([
    ['front', 0, /The front ended unasked: SIGKILL/],
    ['private Redis', 3, /The private Redis ended unasked/],
  ])('without its %s it ends everything and fails', async (_name, index, sentence) => {
    const { program, pids } = await startUp()
    process.kill(pids[index] ?? 0, 'SIGKILL')
    expect(await program.ended).toBe(1)
    expect(program.output()).toMatch(sentence)
    await until(() => !pids.some(isAlive))
  })

  test('uses a Redis that is named, never prints its password, and lets it live', async () => {
    const redis = await redisWith('--requirepass', 'geheim')
    const env = { REDIS_URL: `redis://default:geheim@127.0.0.1:${redis.port}` }
    const { program, pids, url } = await startUp(env)
    expect(pids).toHaveLength(3)
    expect((await fetch(url)).status).toBe(200)
    expect(program.output()).not.toContain('geheim')
    expect(program.output()).toContain('another terminal where REDIS_URL is set as here')
    const [push = '', pop = ''] = commandsOf(program).filter((line) => line.includes('-cli '))
    expect(await type(push, env).ended).toBe(0)
    const answer = type(pop, env)
    await answer.ended
    expect(answer.output()).toContain('["answer","job-1",5]')
    program.signal('SIGTERM')
    expect(await program.ended).toBe(0)
    expect(isAlive(redis.pid)).toBe(true)
  })
})

describeWithRedis('npm run front and npm run worker', () => {
  test('are one process each, on the Redis that is named', async () => {
    const env = { TEMPEST_REDIS_URL: (await redisWith()).url, TEMPEST_QUEUES: 'one,two', PORT: '0' }
    const front = launch('front', env)
    const worker = launch('worker', env)
    await front.says('Ctrl-C ends it')
    await worker.says('Ctrl-C ends it')
    const url = /http:\/\/localhost:\d+/.exec(front.output())?.[0] ?? ''
    expect(await (await fetch(`${url}/a`)).text()).toContain(`worker ${worker.pid}: GET /a`)
    expect(await (await fetch(`${url}/two/b`)).text()).toContain(`worker ${worker.pid}: GET /b`)
    expect((await fetch(`${url}/healthz`)).status).toBe(200)
    await until(async () => (await fetch(`${url}/readyz`)).status === 200)
    front.signal('SIGTERM')
    worker.signal('SIGINT')
    expect([await front.ended, await worker.ended]).toEqual([0, 0])
  })
})

/** The commands of the banner, each as it stands there. */
function commandsOf(program: Launched): string[] {
  const text = program.output()
  return text
    .slice(text.indexOf('To try'))
    .split('\n')
    .filter((line) => line.startsWith('  '))
    .map((line) => line.trim())
}

/** Asks what takes so long; resolves when the front has it: it says that it wants the body. */
async function askSlowly(port: number, ms: number): Promise<{ answer: Promise<string> }> {
  const headers = { expect: '100-continue', 'content-length': 1 }
  const path = `/slow?ms=${ms}`
  const asked = request({ host: '127.0.0.1', port, method: 'PUT', path, headers, agent: false })
  const answer = once(asked, 'response').then(([response]) => text(response as IncomingMessage))
  answer.catch(() => undefined) // where it is ended at once
  asked.flushHeaders()
  await once(asked, 'continue')
  asked.end('x')
  return { answer }
}

function hasIpv6(): boolean {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? [])
  return all.some(({ address }) => address === '::1')
}
