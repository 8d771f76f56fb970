/**
 * Finds a Redis server to run: redis-server, valkey-server or redis-check-rdb on the PATH, then the
 * copy in .cache/redis, then one fetched there (redis-fetch.ts). Each candidate is asked its
 * version; one that does not start or is older than 7.0 is passed over with a note. redis-check-rdb
 * is the same program as redis-server and chooses what to be by argv[0], so the package
 * redis-tools, which starts no daemon, is enough.
 */
import { existsSync, readdirSync, statSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'
import { findExecutable, foldersOf } from './executable.js'
import { fetchRedis, helpLine } from './redis-fetch.js'
import { Refusal } from './refusal.js'
import { runCommand } from './run-command.js'

/** Plain data: it can travel through an environment variable. */
export interface RedisBinary {
  command: string
  argv0: string
  /**
   * What it needs in its environment beside ours: LD_LIBRARY_PATH for a private copy, else nothing.
   */
  env: Record<string, string>
  /** A redis-cli or valkey-cli that runs. */
  cli?: RedisClient
  version: string
  /** For people: where it was found. */
  origin: string
}

export interface RedisClient {
  command: string
  env: Record<string, string>
}

export interface RedisSearch {
  /** @defaultValue the PATH */
  path?: string | undefined
  /** @defaultValue .cache/redis of the project */
  cacheDir?: string
  /** Told in one sentence what is passed over or fetched. @defaultValue nobody */
  note?: (line: string) => void
}

const MIN_MAJOR = 7
const projectCacheDir = resolve(__dirname, '../../.cache/redis')
const servers = ['redis-server', 'valkey-server', 'redis-check-rdb']
const clients = ['redis-cli', 'valkey-cli']

/** What is there already, or fetched. @throws Refusal with the one line that helps. */
export async function bringRedis(search: RedisSearch = {}): Promise<RedisBinary> {
  const { path, cacheDir = projectCacheDir, note = () => undefined } = search
  const present = await findRedis(search)
  if (present) return present
  await fetchRedis({ path, cacheDir, note })
  const fetched = await findCopy(cacheDir, note)
  if (fetched) return fetched
  throw new Refusal(`No usable Redis was found, and the fetched one does not do: ${helpLine(path)}`)
}

/** What is there already. */
export async function findRedis(search: RedisSearch = {}): Promise<RedisBinary | undefined> {
  const { path, cacheDir = projectCacheDir, note = () => undefined } = search
  return (
    (await findIn(foldersOf(path), [{}], (name) => `${name} on the PATH`, note)) ??
    (await findCopy(cacheDir, note))
  )
}

/** A redis-cli or valkey-cli, also where there is no server. */
export async function findClient(search: RedisSearch = {}): Promise<RedisClient | undefined> {
  const { path, cacheDir = projectCacheDir } = search
  return (
    (await findClientIn(foldersOf(path), [{}])) ??
    (await findClientIn([join(cacheDir, 'usr/bin')], environmentsOf(cacheDir)))
  )
}

function findCopy(
  cacheDir: string,
  note: (line: string) => void,
): Promise<RedisBinary | undefined> {
  const origin = (): string => 'the copy in .cache/redis'
  return findIn([join(cacheDir, 'usr/bin')], environmentsOf(cacheDir), origin, note)
}

/** A copy runs with the machine's libraries where it can, else with those that came with it. */
function environmentsOf(cacheDir: string): readonly Record<string, string>[] {
  const libraries = ['usr/lib', 'lib']
    .map((name) => join(cacheDir, name))
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)))
    .filter((folder) => statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true)
  return libraries.length === 0 ? [{}] : [{}, { LD_LIBRARY_PATH: libraries.join(delimiter) }]
}

async function findIn(
  folders: readonly string[],
  environments: readonly Record<string, string>[],
  describe: (name: string) => string,
  note: (line: string) => void,
): Promise<RedisBinary | undefined> {
  for (const name of servers) {
    const command = findExecutable(folders, name)
    if (command === undefined) continue
    const argv0 = name === 'redis-check-rdb' ? 'redis-server' : name
    const origin = describe(name)
    for (const env of environments) {
      const { stdout } = await runCommand(command, ['--version'], { argv0, env })
      const version = /\bv=(\d+)(\.\d+)*/.exec(stdout)
      if (version && Number(version[1]) >= MIN_MAJOR) {
        const cli = await findClientIn(folders, environments)
        const text = version[0].slice(2)
        return { command, argv0, env, ...(cli && { cli }), version: text, origin }
      }
      if (version) note(`Passing over ${command}: ${version[0].slice(2)} is older than 7.0`)
    }
  }
  return undefined
}

async function findClientIn(
  folders: readonly string[],
  environments: readonly Record<string, string>[],
): Promise<RedisClient | undefined> {
  for (const name of clients) {
    const command = findExecutable(folders, name)
    if (command === undefined) continue
    for (const env of environments) {
      if ((await runCommand(command, ['--version'], { env })).code === 0) return { command, env }
    }
  }
  return undefined
}
