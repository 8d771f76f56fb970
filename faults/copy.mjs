// A copy of the sources in a temporary folder, where a fault can be planted without touching the tree: node_modules is linked.
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'

const LEFT_OUT = new Set(['node_modules', 'dist', '.git', 'coverage'])

export function copySources(root) {
  const dir = mkdtempSync(join(tmpdir(), 'tempest-faults-'))
  cpSync(root, dir, { recursive: true, filter: (path) => !LEFT_OUT.has(basename(path)) })
  symlinkSync(join(root, 'node_modules'), join(dir, 'node_modules'))
  return { dir, remove: () => rmSync(dir, { recursive: true, force: true }) }
}

// Replaces a text that must stand in the file exactly once. Returns what takes the fault out again.
export function plant(dir, { file, find, replace }) {
  const path = join(dir, file)
  const source = readFileSync(path, 'utf8')
  const times = source.split(find).length - 1
  if (times !== 1) throw new Error(`${file} has it ${times} times, not once: ${find}`)
  writeFileSync(
    path,
    source.replace(find, () => replace),
  )
  return () => writeFileSync(path, source)
}
