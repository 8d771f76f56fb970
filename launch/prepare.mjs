// Makes a clone ready: installs when node_modules is not what package-lock.json asks for, builds
// when a source is newer than the last build. Says in one line what it does, and nothing when there
// is nothing to do. One process at a time does this; others wait for it. Never repairs by deleting:
// npm and tsc do that.
import fs from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { runCommand, runNpm } from './command.mjs'

const LOCK_MAX_MS = 15 * 60_000

/** Resolves whether everything is ready; if not, it has said why. */
export async function prepare(root) {
  if (isInstalled(root) && isBuilt(root)) return true
  const unlock = await lock(new URL('.cache/prepare.lock', root))
  try {
    return (isInstalled(root) || (await install(root))) && (isBuilt(root) || (await build(root)))
  } finally {
    unlock()
  }
}

/**
 * npm notes what it installed in node_modules/.package-lock.json, at the very end: one that was
 * broken off has none. Packages for other platforms are optional and absent.
 */
function isInstalled(root) {
  const wanted = readPackages(new URL('package-lock.json', root))
  const present = readPackages(new URL('node_modules/.package-lock.json', root))
  return Object.entries(wanted).every(([path, { version, integrity, optional }]) => {
    if (path === '') return true
    const found = present[path]
    return found ? found.version === version && found.integrity === integrity : optional === true
  })
}

async function install(root) {
  console.log('Installing packages: npm ci (once; again when package-lock.json changes)')
  const args = ['ci', '--include=dev', '--include=optional', '--no-audit', '--no-fund']
  const code = await runNpm([...args, '--loglevel=warn'], { cwd: root })
  if (code === 0) return true
  console.error(
    `npm ci failed with exit code ${code}; its message is above. Tempest needs its packages from the npm registry ` +
      'once: check the network, then run the same command again.',
  )
  return false
}

/**
 * The stamp bears the time at which the last good build began, so an edit during a build is not
 * missed.
 */
function isBuilt(root) {
  const built = changedAt(new URL('.cache/built', root))
  const shared = ['package-lock.json', 'tsconfig.json', 'tsconfig.base.json']
  if (shared.some((name) => changedAt(new URL(name, root)) > built)) return false
  return packagesToBuild(root).every(
    (directory) =>
      fs.existsSync(new URL('dist/.tsbuildinfo', directory)) &&
      changedAt(new URL('tsconfig.json', directory)) <= built &&
      newest(new URL('src/', directory)) <= built,
  )
}

async function build(root) {
  console.log('Building: tsc -b')
  const began = new Date()
  const tsc = fileURLToPath(new URL('node_modules/typescript/bin/tsc', root))
  const code = await runCommand(process.execPath, [tsc, '-b'], { cwd: root })
  if (code !== 0) {
    console.error(`tsc -b failed with exit code ${code}; its message is above.`)
    return false
  }
  const stamp = new URL('.cache/built', root)
  fs.writeFileSync(stamp, '')
  fs.utimesSync(stamp, began, began)
  return true
}

function packagesToBuild(root) {
  const { workspaces } = JSON.parse(fs.readFileSync(new URL('package.json', root), 'utf8'))
  return workspaces
    .map((path) => new URL(`${path}/`, root))
    .filter((directory) => fs.existsSync(new URL('tsconfig.json', directory)))
}

/** A folder's own time counts too: it changes when a file is added or removed. */
function newest(directory) {
  return fs
    .readdirSync(directory, { withFileTypes: true })
    .map((entry) =>
      entry.isDirectory()
        ? newest(new URL(`${entry.name}/`, directory))
        : changedAt(new URL(entry.name, directory)),
    )
    .reduce((a, b) => Math.max(a, b), changedAt(directory))
}

function changedAt(file) {
  return fs.statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0
}

function readPackages(file) {
  if (!fs.existsSync(file)) return {}
  return JSON.parse(fs.readFileSync(file, 'utf8')).packages
}

/**
 * A file that names its owner; one whose owner is gone, or that is too old to be true, counts for
 * nothing.
 */
async function lock(file) {
  fs.mkdirSync(new URL('./', file), { recursive: true })
  for (let waits = 0; ; waits++) {
    try {
      fs.writeFileSync(file, String(process.pid), { flag: 'wx' })
      return () => fs.rmSync(file, { force: true })
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
    }
    const owner = readOwner(file)
    const ageMs = Date.now() - changedAt(file)
    if (owner > 0 ? !isAlive(owner) || ageMs > LOCK_MAX_MS : ageMs > 2000) {
      fs.rmSync(file, { force: true })
    } else if (waits === 1) {
      console.log(
        `Waiting for another command, which is installing or building (see ${file.pathname})`,
      )
    }
    await pause(200)
  }
}

/** 0: it was removed since, or its maker has not written its number yet. */
function readOwner(file) {
  try {
    return Number(fs.readFileSync(file, 'utf8'))
  } catch {
    return 0
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}
