/**
 * Fetches a Redis server on Debian and Ubuntu with apt's own tools, checked by apt's own keys, into
 * a private folder: without root, without installing anything, the machine's package lists
 * untouched. apt is shown the machine's list of installed packages, so it fetches redis-tools and
 * exactly the libraries the machine lacks. The copy appears whole or not at all, also when several
 * processes fetch at once. Elsewhere, and offline, it ends in the one line that helps.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { findExecutable, foldersOf } from './executable.js'
import { Refusal } from './refusal.js'
import { runCommand } from './run-command.js'

export interface RedisFetch {
  /** @defaultValue the PATH */
  path?: string | undefined
  /** What is there already is known not to do, and goes. */
  cacheDir: string
  note: (line: string) => void
}

/** redis-tools and what it needs on Debian and Ubuntu beyond what every machine has. */
const usualPackages = ['redis-tools', 'libjemalloc2', 'liblzf1', 'libatomic1']
const APT_MAX_MS = 90_000

/** @throws Refusal */
export async function fetchRedis({ path, cacheDir, note }: RedisFetch): Promise<void> {
  const apt = findApt(path)
  if (!apt) throw new Refusal(`No Redis was found on this machine: ${helpLine(path)}`)
  note(
    "No Redis on the PATH: fetching the package redis-tools into .cache/redis with apt's tools; nothing is installed",
  )
  mkdirSync(dirname(cacheDir), { recursive: true })
  const work = mkdtempSync(`${cacheDir}-`)
  const remove = (): void => rmSync(work, { recursive: true, force: true })
  process.once('exit', remove)
  try {
    if (existsSync(cacheDir)) renameSync(cacheDir, join(work, 'unusable'))
    const packages = await download(apt.get, join(work, 'apt'))
    const copy = join(work, 'copy')
    for (const file of packages) {
      const { code, stderr } = await runCommand(apt.unpack, ['-x', file, copy], {
        timeoutMs: 30_000,
      })
      if (code !== 0) throw new Error(firstLine(stderr))
    }
    // A copy that another process has put there meanwhile is as good as ours.
    if (!existsSync(cacheDir)) renameSync(copy, cacheDir)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new Refusal(
      `No Redis was found on this machine and fetching one failed (${reason}): ${helpLine(path)}`,
      { cause: error },
    )
  } finally {
    remove()
    process.off('exit', remove)
  }
}

/** What a person can do who has no Redis; its end completes a sentence. */
export function helpLine(path: string | undefined): string {
  const install = findApt(path)
    ? 'install one with sudo apt-get install -y redis-tools'
    : process.platform === 'darwin'
      ? 'install one with brew install redis'
      : 'install Redis 7.0 or later, or Valkey,'
  return `${install} or set TEMPEST_REDIS_URL.`
}

function findApt(path: string | undefined): { get: string; unpack: string } | undefined {
  const folders = foldersOf(path)
  const get = findExecutable(folders, 'apt-get')
  const unpack = findExecutable(folders, 'dpkg-deb')
  return get !== undefined && unpack !== undefined ? { get, unpack } : undefined
}

/** The downloaded packages' files. */
async function download(apt: string, folder: string): Promise<string[]> {
  const archives = join(folder, 'cache/archives')
  mkdirSync(join(archives, 'partial'), { recursive: true })
  mkdirSync(join(folder, 'state/lists/partial'), { recursive: true })
  const options = [
    `Dir::State=${join(folder, 'state')}`,
    'Dir::State::status=/var/lib/dpkg/status',
    `Dir::Cache=${join(folder, 'cache')}`,
    'Debug::NoLocking=true', // the locks are root's, and what they guard is only read
    'APT::Sandbox::User=', // the user _apt may not enter our folder
    'Acquire::Retries=1',
    'Acquire::http::Timeout=20',
    'Acquire::https::Timeout=20',
  ].flatMap((option) => ['-o', option])
  const run = (...args: string[]): ReturnType<typeof runCommand> =>
    runCommand(apt, [...options, '-q', ...args], {
      cwd: archives, // where `download` puts things
      env: { LC_ALL: 'C' },
      timeoutMs: APT_MAX_MS,
    })
  // The exit code of update says little: one dead repository among many fails it. What counts is
  // whether the package comes.
  const update = await run('update')
  const only = ['--download-only', '--reinstall', '--no-install-recommends']
  const install = await run('install', '-y', ...only, 'redis-tools')
  // A machine whose packages do not fit together refuses to install anything; what we need is known
  // well enough.
  if (install.code !== 0) await run('download', ...usualPackages)
  const files = readdirSync(archives).filter((name) => name.endsWith('.deb'))
  if (files.length === 0) {
    throw new Error(
      firstLine(update.stderr) || firstLine(install.stderr) || 'apt-get took too long',
    )
  }
  return files.map((name) => join(archives, name))
}

/** What apt complained about first; later lines only say that it did. */
function firstLine(text: string): string {
  return text.trim().split('\n')[0] ?? ''
}
