import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describeWithRedis } from '../../test/helpers/redis'
import { findExecutable, foldersOf } from '../src/executable'
import { bringRedis, findRedis, type RedisBinary } from '../src/redis-binary'
import { runCommand } from '../src/run-command'
import { startRedis } from '../src/redis-server'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tempest-binary-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/**
 * A folder to use as PATH: its own programs (name → shell script), and links to some of the
 * machine's.
 */
function makePath(name: string, scripts: Record<string, string>, links: string[] = []): string {
  const path = join(folder, name)
  mkdirSync(path)
  for (const [program, script] of Object.entries(scripts)) {
    writeFileSync(join(path, program), `#!/bin/sh\n${script}\n`)
    chmodSync(join(path, program), 0o755)
  }
  for (const program of links) {
    const command = findExecutable(foldersOf(), program)
    if (command !== undefined) symlinkSync(command, join(path, program))
  }
  return path
}

const says = (version: string): string => `echo "Redis server v=${version} sha=0:0 malloc=x"`

describe('finding a server', () => {
  const none = join(tmpdir(), 'no-such-cache')

  test('redis-server on the PATH comes first, with its redis-cli', async () => {
    const path = makePath('both', {
      'redis-server': says('7.2.4'),
      'valkey-server': 'echo "Valkey server v=8.1.1 sha=0:0"',
      'valkey-cli': 'true',
      'redis-cli': 'true',
    })
    expect(await findRedis({ path, cacheDir: none })).toEqual({
      command: join(path, 'redis-server'),
      argv0: 'redis-server',
      env: {},
      cli: { command: join(path, 'redis-cli'), env: {} },
      version: '7.2.4',
      origin: 'redis-server on the PATH',
    })
  })

  test('one that is too old or broken is passed over with a note', async () => {
    const path = makePath('old', {
      'redis-server': says('6.2.14'),
      'valkey-server': 'echo "Valkey server v=8.1.1 sha=0:0"',
    })
    const notes: string[] = []
    const found = await findRedis({ path, cacheDir: none, note: (line) => notes.push(line) })
    expect(found).toMatchObject({ argv0: 'valkey-server', version: '8.1.1' })
    expect(found).not.toHaveProperty('cli')
    expect(notes).toEqual([expect.stringContaining('6.2.14 is older than 7.0')])
  })

  const tools = findExecutable(foldersOf(), 'redis-check-rdb')
  const testTools = tools === undefined ? test.skip : test
  testTools('redis-check-rdb counts, called redis-server (needs redis-tools)', async () => {
    const path = makePath('tools', {}, ['redis-check-rdb', 'redis-cli'])
    expect(await findRedis({ path, cacheDir: none })).toMatchObject({
      argv0: 'redis-server',
      cli: { command: join(path, 'redis-cli') },
      origin: 'redis-check-rdb on the PATH',
    })
  })

  test('a private copy runs with its own libraries when the machine lacks them', async () => {
    const bin = join(folder, 'copy/usr/bin')
    const lib = join(folder, 'copy/usr/lib/x86_64-linux-gnu')
    mkdirSync(lib, { recursive: true })
    mkdirSync(bin, { recursive: true })
    for (const [name, script] of [
      ['redis-server', says('7.0.15')],
      ['redis-cli', 'true'],
    ] as const) {
      writeFileSync(
        join(bin, name),
        `#!/bin/sh\n[ -n "$LD_LIBRARY_PATH" ] || exit 127\n${script}\n`,
      )
      chmodSync(join(bin, name), 0o755)
    }
    expect(await findRedis({ path: '/nowhere', cacheDir: join(folder, 'copy') })).toMatchObject({
      env: { LD_LIBRARY_PATH: lib },
      cli: { command: join(bin, 'redis-cli'), env: { LD_LIBRARY_PATH: lib } },
      origin: 'the copy in .cache/redis',
    })
  })

  test('without apt, the one line that helps names the option', async () => {
    await expect(bringRedis({ path: '/nowhere', cacheDir: none })).rejects.toThrow(
      /^No Redis was found on this machine: .*TEMPEST_REDIS_URL/,
    )
  })

  test('an apt that reaches nothing is told as the reason, and leaves no half copy', async () => {
    const path = makePath('offline', {
      'apt-get': 'echo "W: Failed to fetch http://deb.example: no route" >&2; exit 100',
      'dpkg-deb': 'true',
    })
    const cacheDir = join(folder, 'offline-cache/redis')
    await expect(bringRedis({ path, cacheDir })).rejects.toThrow(
      /fetching one failed \(W: Failed to fetch .*no route\): install one with sudo apt-get install -y redis-tools/,
    )
    expect(readdirSync(join(folder, 'offline-cache'))).toEqual([])
  })
})

/** Whether the machine is one on which the fetch must work; a CI has to be. */
function canFetch(): boolean {
  if (process.env.CI === 'true') return true
  if (findExecutable(foldersOf(), 'apt-get') === undefined) return false
  try {
    const uris = execFileSync('apt-get', ['indextargets', '--format', '$(SITE)'], {
      encoding: 'utf8',
    })
    execFileSync('curl', ['-sIm', '3', uris.split('\n')[0] ?? ''])
    return true
  } catch {
    return false
  }
}

const describeFetch = canFetch() ? describe : describe.skip
describeFetch("fetching a server with apt's tools (needs apt and a network)", () => {
  let fetched: RedisBinary
  const notes: string[] = []
  beforeAll(async () => {
    const path = makePath('apt', {}, ['apt-get', 'dpkg-deb', 'dpkg', 'sh'])
    const search = {
      path,
      cacheDir: join(folder, 'cache/redis'),
      note: (line: string) => notes.push(line),
    }
    fetched = await bringRedis(search)
  }, 60_000)

  test('says so in one line, and leaves nothing beside the copy', () => {
    expect(notes).toEqual([expect.stringContaining('fetching the package redis-tools')])
    expect(readdirSync(join(folder, 'cache'))).toEqual(['redis'])
  })

  test('the copy is a server and a client that run', async () => {
    const server = await startRedis({ binary: fetched })
    const { command, env } = fetched.cli ?? { command: '', env: {} }
    const { stdout } = await runCommand(command, ['-p', String(server.port), 'ping'], { env })
    expect(stdout).toBe('PONG\n')
    await server.stop()
  })

  test('is found again without fetching', async () => {
    expect(await findRedis({ path: '/nowhere', cacheDir: join(folder, 'cache/redis') })).toEqual(
      fetched,
    )
  })
})

describeWithRedis('the server of this machine', () => {
  test('is 7.0 or later', async () => {
    expect(Number.parseInt((await findRedis())?.version ?? '')).toBeGreaterThanOrEqual(7)
  })
})
