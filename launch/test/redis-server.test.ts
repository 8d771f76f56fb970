import { afterEach, expect, test } from '@jest/globals'
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Readable } from 'node:stream'
import { askRedis, describeWithRedis, startTestRedis } from '../../test/helpers/redis'
import { until } from '../../test/helpers/until'
import { findRedis, type RedisBinary } from '../src/redis-binary'
import { type RedisServer, startRedis } from '../src/redis-server'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup()
})

async function machineBinary(): Promise<RedisBinary> {
  const binary = await findRedis()
  if (!binary) throw new Error('no binary')
  return binary
}

async function start(
  options: Partial<Parameters<typeof startRedis>[0]> = {},
): Promise<RedisServer> {
  const server = await startRedis({ binary: await machineBinary(), ...options })
  cleanups.push(() => server.stop())
  return server
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

describeWithRedis('a private Redis', () => {
  test('serves on loopback, keeps nothing on disk, never evicts, and is gone after stop', async () => {
    const redis = await startTestRedis()
    cleanups.push(() => redis.stop())
    expect(await redis.cli('CONFIG', 'GET', 'maxmemory-policy')).toEqual([
      'maxmemory-policy',
      'noeviction',
    ])
    expect(await redis.cli('CONFIG', 'GET', 'save')).toEqual(['save', ''])
    expect(await redis.cli('CONFIG', 'GET', 'bind')).toEqual(['bind', '127.0.0.1'])
    const { pid } = redis
    await redis.stop()
    expect(isAlive(pid)).toBe(false)
  })

  test('removes its folder, and stop may be called twice', async () => {
    const server = await start()
    const folder = await folderOf(server)
    expect(existsSync(folder)).toBe(true)
    await Promise.all([server.stop(), server.stop()])
    expect(existsSync(folder)).toBe(false)
    expect(await server.ended).toContain('ready to exit')
  })

  test('a port that somebody has is refused with what the server says', async () => {
    const holder = createServer().listen(0, '127.0.0.1')
    await once(holder, 'listening')
    cleanups.push(() => holder.close())
    const address = holder.address()
    const port = typeof address === 'object' && address ? address.port : 0
    await expect(start({ port })).rejects.toThrow(/does not start: .*already in use/)
  })

  test('a port that is let go of meanwhile is taken', async () => {
    const first = await start()
    const second = start({ port: first.port })
    await first.stop()
    expect((await second).port).toBe(first.port)
  })

  test('arguments it does not know are told', async () => {
    await expect(start({ args: ['--no-such-option', '1'] })).rejects.toThrow(
      /does not start: .*no-such-option.*Bad directive/,
    )
  })

  test('tells when somebody else ends it', async () => {
    const server = await start()
    process.kill(server.pid, 'SIGKILL')
    await server.ended
    await server.stop()
  })

  test('its process id is known although the shell stands still until the server is up', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'tempest-shell-'))
    cleanups.push(() => rmSync(dir, { recursive: true }))
    // A shell that waits for the server's socket as soon as it has begun it.
    const wait = 'until [ -S "$dir/up" ] || [ ! -d "$dir" ]; do :; done'
    const shell = `#!/bin/sh
      program=$(printf '%s\n' "$2" | sed 's#^server=.*#&; ${wait}#'); shift 2
      exec /bin/sh -c "$program" "$@"`
    writeFileSync(join(dir, 'sh'), shell, { mode: 0o755 })
    const binary = await machineBinary()
    const env = { ...binary.env, PATH: `${dir}:${process.env.PATH}` }
    const args = ['--unixsocket', join(dir, 'up')]
    const server = await start({ binary: { ...binary, env }, dir, args })
    const info = String(await askRedis(server.url, 'INFO', 'server'))
    expect(server.pid).toBe(Number(/process_id:(\d+)/.exec(info)?.[1]))
  })

  test('what a file needs of it: killed and started again on the same port with its data', async () => {
    const redis = await startTestRedis('--appendonly', 'yes', '--appendfsync', 'always')
    cleanups.push(() => redis.stop())
    await redis.cli('SET', 'a', 1)
    await redis.kill()
    await redis.start()
    expect(await redis.cli('GET', 'a')).toBe('1')
  })

  test.each(['SIGKILL', 'SIGTERM'] as const)(
    'does not outlive an owner that ends by %s, nor does its folder',
    async (signal) => {
      const temp = mkdtempSync(join(tmpdir(), 'tempest-owner-'))
      cleanups.push(() => rmSync(temp, { recursive: true }))
      const owner = spawnOwner(await machineBinary(), temp)
      const pid = Number(await firstOutput(owner.stdout))
      expect(isAlive(pid)).toBe(true)
      expect(readdirSync(temp)).toHaveLength(1)
      owner.kill(signal)
      await until(() => !isAlive(pid))
      await until(() => readdirSync(temp).length === 0)
    },
  )
})

/** A process that starts a Redis, tells its process id and then does nothing. */
function spawnOwner(binary: RedisBinary, temp: string): ChildProcessByStdio<null, Readable, null> {
  const program = `
    const { startRedis } = require(${JSON.stringify(resolve(__dirname, '../dist/index.js'))})
    startRedis({ binary: ${JSON.stringify(binary)} }).then((server) => console.log(server.pid))
    setInterval(() => {}, 1000)`
  const owner = spawn(process.execPath, ['-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, TMPDIR: temp },
  })
  cleanups.push(() => owner.kill('SIGKILL'))
  return owner
}

async function folderOf(server: RedisServer): Promise<string> {
  const reply = await askRedis(server.url, 'CONFIG', 'GET', 'dir')
  return Array.isArray(reply) ? String(reply[1]) : ''
}

async function firstOutput(stream: Readable): Promise<string> {
  for await (const chunk of stream) return String(chunk)
  return ''
}
