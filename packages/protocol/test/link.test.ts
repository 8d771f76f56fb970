/** One connection to Redis: it never sends twice, succeeds its predecessor, notices silence, and writes once per turn. */
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { describeWithRedis, startTestRedis, type TestRedis } from '../../../test/helpers/redis'
import { until } from '../../../test/helpers/until'
import { callsOf, clientsOf, keysOf } from '../../../test/helpers/watch'
import { isReplyError, Link, LinkError, type LinkHandlers } from '../src/redis/link'
import { createTemplate } from '../src/redis/template'
import { silentLogger } from '../src/logger'
import { loadScript } from '../src/redis/script'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

describeWithRedis('a link', () => {
  let redis: TestRedis
  const links: Link[] = []

  const make = (handlers: LinkHandlers = {}, silenceMs = 3000): Link => {
    const link = new Link('test', createTemplate(redis.url), silenceMs, silentLogger, handlers)
    links.push(link)
    return link
  }
  const makeUp = async (handlers: LinkHandlers = {}, silenceMs = 3000): Promise<Link> => {
    const link = make(handlers, silenceMs)
    await until(() => link.up)
    return link
  }
  const text = async (reply: Promise<unknown>): Promise<string> => String(await reply)

  beforeAll(async () => {
    redis = await startTestRedis()
  })
  afterEach(async () => {
    for (const link of links.splice(0)) link.close()
    await redis.cli('FLUSHALL')
  })
  afterAll(() => redis.stop())

  test('rejects what is sent before it is up, as not sent', async () => {
    const link = make()
    const sent = link.send('set', ['k', 'v'])
    await expect(sent).rejects.toBeInstanceOf(LinkError)
    await expect(sent).rejects.toMatchObject({ sent: false })
    await until(() => link.up)
    expect(await keysOf(redis)).toEqual([])
  })

  test('gives replies as Buffers, and refusals of Redis as they are', async () => {
    const link = await makeUp()
    const bytes = Buffer.from([0xff, 0x00, 0x0d, 0x0a])
    await link.send('set', ['k', bytes])
    expect(await link.send('get', ['k'])).toEqual(bytes)
    const refused = await link.send('lpop', ['k']).catch((error: unknown) => error)
    expect(isReplyError(refused)).toBe(true)
    expect(refused).not.toBeInstanceOf(LinkError)
  })

  test('writes all that is sent within a turn at once', async () => {
    const link = await makeUp()
    const reads = async (): Promise<number> =>
      Number(/total_reads_processed:(\d+)/.exec(await text(link.send('info', ['stats'])))?.[1])
    const before = await reads()
    const replies = await Promise.all(Array.from({ length: 300 }, () => link.send('incr', ['n'])))
    expect(replies).toEqual(replies.map((_, i) => i + 1))
    expect((await reads()) - before).toBeLessThanOrEqual(5)
  })

  test('never sends a command twice: what was in flight is rejected as sent, its outcome unknown', async () => {
    const link = await makeUp()
    await redis.cli('CLIENT', 'PAUSE', 10_000, 'WRITE')
    const lost = link.send('incr', ['n']).catch((error: unknown) => error)
    const behind = link.send('get', ['n']).catch((error: unknown) => error)
    await until(async () => (await clientsOf(redis)).some(({ cmd }) => cmd === 'incr'))
    await redis.cli('CLIENT', 'KILL', 'ID', String(link.clientId))
    for (const outcome of [await lost, await behind]) {
      expect(outcome).toBeInstanceOf(LinkError)
      expect(outcome).toMatchObject({ sent: true })
    }
    await redis.cli('CLIENT', 'UNPAUSE')
    await until(() => link.up)
    expect(await link.send('get', ['n'])).toBeNull()
  })

  test('kills its predecessor before it is up again', async () => {
    const events: string[] = []
    const link = await makeUp({ up: () => events.push('up'), down: () => events.push('down') })
    const before = link.clientId
    await redis.cli('CONFIG', 'RESETSTAT')
    link.reset()
    await until(() => events.length === 3)
    expect(events).toEqual(['up', 'down', 'up'])
    expect(link.clientId).not.toBe(before)
    expect(await callsOf(redis, 'client|kill')).toBe(1)
    expect((await clientsOf(redis)).map(({ id }) => id)).toEqual([link.clientId])
  })

  test('kills nobody else when Redis was restarted and counts its clients anew', async () => {
    const link = await makeUp()
    await redis.kill()
    await until(() => !link.up)
    await redis.start()
    const others = Array.from({ length: 10 }, () => redis.client())
    const ids = await Promise.all(others.map((other) => other.client('ID')))
    await until(() => link.up)
    expect(await Promise.all(others.map((other) => other.client('ID')))).toEqual(ids)
    for (const other of others) other.disconnect()
  })

  test('cuts a peer that owes an answer for too long, and is not prompt meanwhile', async () => {
    // Long enough to be looked at between the two.
    const link = await makeUp({}, 2500)
    expect(link.prompt).toBe(true)
    redis.freeze()
    try {
      const silent = link.send('ping', []).catch((error: unknown) => error)
      expect(link.prompt).toBe(true)
      await until(() => !link.prompt)
      expect(link.up).toBe(true)
      expect(await silent).toMatchObject({ sent: true })
      expect(link.up).toBe(false)
    } finally {
      redis.thaw()
    }
    await until(() => link.prompt)
    expect(await text(link.send('ping', []))).toBe('PONG')
  })

  test('is up only when it was prepared, and tries again where that fails', async () => {
    const attempts: boolean[] = []
    const link = make({
      prepare: async (fresh) => {
        attempts.push(fresh.up)
        await fresh.prepareSend('ping', [])
        if (attempts.length === 1) throw new LinkError(true)
      },
    })
    await until(() => link.up)
    expect(attempts).toEqual([false, false])
  })

  test('hears its channels, with the bytes as they came', async () => {
    const heard: [string, Buffer][] = []
    const link = await makeUp({
      prepare: async (fresh) => {
        await fresh.prepareSend('subscribe', ['a', 'b'])
      },
      message: (channel, payload) => heard.push([channel, payload]),
    })
    await redis.cli('PUBLISH', 'b', Buffer.from([0xff]))
    await until(() => heard.length === 1)
    // A PING, sent at each beat, is answered also while it listens.
    await link.send('ping', [])
    await redis.cli('PUBLISH', 'a', 'x')
    await until(() => heard.length === 2)
    expect(heard).toEqual([
      ['b', Buffer.from([0xff])],
      ['a', Buffer.from('x')],
    ])
  })

  test('when closed rejects what is in flight, and never comes back', async () => {
    const events: string[] = []
    const link = await makeUp({ up: () => events.push('up'), down: () => events.push('down') })
    const parked = link.send('blpop', ['nothing', 5])
    link.close()
    await expect(parked).rejects.toBeInstanceOf(LinkError)
    await expect(link.send('ping', [])).rejects.toMatchObject({ sent: false })
    await until(async () => (await clientsOf(redis)).length === 0)
    expect(events).toEqual(['up'])
    link.close()
  })

  test('runs a script by its digest, and by its source where Redis has forgotten it', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'tempest-script-'))
    const path = join(dir, 'add.lua')
    writeFileSync(path, "return redis.call('INCRBY', KEYS[1], ARGV[1])")
    const script = loadScript(path)
    rmSync(dir, { recursive: true })
    const link = await makeUp()
    await redis.cli('CONFIG', 'RESETSTAT')
    expect(await link.script(script, ['n'], [5])).toBe(5)
    expect(await link.script(script, ['n'], [5])).toBe(10)
    expect([await callsOf(redis, 'eval'), await callsOf(redis, 'evalsha')]).toEqual([1, 2])
    await redis.cli('SCRIPT', 'FLUSH')
    expect(await link.script(script, ['n'], [5])).toBe(15)
    // Another refusal is no reason to run it again.
    await redis.cli('SET', 'n', 'words')
    await expect(link.script(script, ['n'], [5])).rejects.toThrow('not an integer')
    expect(await callsOf(redis, 'eval')).toBe(2)
  })
})
