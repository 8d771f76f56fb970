/** examples/sub as it is started by hand: front and Redis go and come back, and the page has every logged event once. */
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { type ChildProcess, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { startTestRedis, type TestRedis } from '../helpers/redis'
import { until } from '../helpers/until'
import { describeWithChromium, launchChromium } from './chromium'
import { openView, type View } from './view'

const program = join(__dirname, '../../examples/sub/server.mjs')
const START_MS = 10_000

describeWithChromium('a page whose front and Redis restart', () => {
  let browser: Browser
  let redis: TestRedis
  let front: ChildProcess
  let port: number
  let view: View
  /** Ids of all that was logged to `test`. */
  let logged: string[]

  beforeAll(async () => {
    browser = await launchChromium()
  })
  afterEach(async () => {
    await Promise.all(browser.contexts().map((context) => context.close()))
    await end('SIGKILL')
    await redis.stop()
  })
  afterAll(() => browser.close())

  /** @returns whether it listens; its port may be somebody else's. */
  async function start(): Promise<boolean> {
    const env = { ...process.env, REDIS_URL: redis.url, PORT: String(port) }
    front = spawn(process.execPath, [program], { env, stdio: ['ignore', 'pipe', 'inherit'] })
    let said = ''
    front.stdout?.on('data', (chunk: Buffer) => (said += chunk.toString()))
    const listens = (): boolean => said.includes(`http://localhost:${port}/?channels=test`)
    await until(() => listens() || front.exitCode !== null, START_MS)
    return listens()
  }

  async function end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    if (front.exitCode !== null || front.signalCode !== null) return
    const exit = once(front, 'exit')
    front.kill(signal)
    expect(await exit).toEqual(signal === 'SIGTERM' ? [0, null] : [null, signal])
  }

  async function log(count: number): Promise<void> {
    for (let n = 0; n < count; n++) {
      const data = JSON.stringify(['tick', String(logged.length)])
      logged.push(
        String(await redis.cli('XADD', 'tempest:events', '*', 'channel', 'test', 'data', data)),
      )
      await redis.cli('XADD', 'tempest:events', '*', 'channel', 'other', 'data', 'x')
    }
  }

  async function open(): Promise<void> {
    redis = await startTestRedis('--appendonly', 'yes', '--appendfsync', 'always')
    logged = []
    await until(() => {
      // None that the system gives to others while the front is away.
      port = randomInt(20_000, 30_000)
      return start()
    }, START_MS)
    await log(2)
    const url = `http://localhost:${port}/?channels=test&events=tick`
    view = await openView(await browser.newPage(), url)
    await view.shows(2)
    await log(3)
    await view.shows(5)
  }

  async function hasAll(): Promise<void> {
    await view.shows(logged.length)
    const ticks = (await view.rows()).filter(({ type }) => type === 'tick')
    expect(ticks).toEqual(logged.map((id, n) => ({ type: 'tick', id, text: String(n) })))
  }

  test('has what was logged while the front ended, and while it was away', async () => {
    await open()
    const ended = end('SIGTERM')
    await log(2)
    await ended
    await log(3)
    await view.is('reconnecting')
    await until(start, START_MS)
    await hasAll()
    await log(2)
    await hasAll()
    expect((await view.rows()).filter(({ type }) => type !== 'tick')).toEqual([])
  })

  test('stays while Redis restarts, is told of the gap, and has what is logged then', async () => {
    await open()
    await redis.kill()
    await redis.start()
    await log(5)
    await hasAll()
    // The log has a reader of its own, which may be back before the subscription is.
    const others = await until(async () => {
      const rows = (await view.rows()).filter(({ type }) => type !== 'tick')
      return rows.length > 0 && rows
    })
    expect(others.map(({ type, text }) => [type, text])).toEqual([['gap', 'live']])
    await view.is('open')
  })

  test('has everything where both die and the front is back first', async () => {
    await open()
    await end('SIGKILL')
    await log(5)
    await redis.kill()
    await until(start, START_MS)
    await redis.start()
    await log(2)
    await hasAll()
    await view.is('open')
  })
})
