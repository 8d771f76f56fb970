/** What a newcomer reads first in examples/workers stays short, and its README says how short. */
import { expect, test } from '@jest/globals'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileOf, folder, kinds, type Name, names, titleOf } from './languages'

const most = { worker: 25, safe: 50 }
/** Where each call that may fail takes lines of its own. */
const more: Partial<Record<Name, typeof most>> = {
  go: { worker: 40, safe: 50 },
  c: { worker: 40, safe: 60 },
}

/** Comments that are all of their lines: "…", /* … *\/, and what begins with #, // or --. */
const comments = /^""".*?"""$|^\/\*[^]*?\*\/$|^\s*(#(?!include)|\/\/|--|<\?php).*$/gm

const readme = readFileSync(join(folder, 'README.md'), 'utf8')

test.each(names)('%s', (name) => {
  const counts = kinds.map((kind) => {
    const code = readFileSync(fileOf(name, kind), 'utf8').replace(comments, '')
    const lines = code.split('\n').filter((line) => line.trim() !== '').length
    expect(lines).toBeLessThanOrEqual((more[name] ?? most)[kind])
    return String(lines)
  })
  const row = readme.split('\n').find((line) => line.startsWith(`| ${titleOf(name)} `))
  const [, , worker, safe] = (row ?? '').split('|').map((cell) => cell.trim())
  expect([worker, safe]).toEqual(counts)
})
