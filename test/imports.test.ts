/** The house: who may import whom, and how long a file may be. Read from the sources, so that it holds for what is added. */
import { describe, expect, test } from '@jest/globals'
import { readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join, normalize, relative } from 'node:path'

const root = join(__dirname, '..')
const packages = ['protocol', 'front', 'worker', 'adapt', 'conformance']
const MAX_LINES = 250

/** Files that know nothing of Redis, sockets or files: values in, values out. They import each other only. */
const pure: Record<string, readonly string[]> = {
  protocol: [
    ...[
      'bytes',
      'clock',
      'drain-rate',
      'encoding',
      'errors',
      'event',
      'fate',
      'ids',
      'job',
      'keys',
    ],
    ...['hash', 'list', 'logger', 'slots', 'verb', 'wheel'],
    ...['observer', 'record', 'verdict'],
    ...['pack', 'plain', 'respell', 'tokens', 'unpack', 'value'],
  ],
  worker: [
    'action',
    'body',
    'counts',
    'flight',
    'held',
    'http',
    'order',
    'outcome',
    'pieces',
    'waiter',
  ],
}
/** What a pure file may use beside its like. */
const harmless = ['node:buffer', 'node:crypto', '@tempest/protocol', 'msgpackr']

interface Import {
  /** As it stands in the source, or the path of a file of ours. */
  target: string
  /** Erased by the compiler. */
  typeOnly: boolean
}

interface Source {
  package: string
  /** From the root, e.g. `packages/protocol/src/wire/ids.ts`. */
  path: string
  text: string
  imports: Import[]
}

const statement = /^(?:import|export)\s+(type\s+)?([^'";]*?)\s*from\s+'([^']+)'/gm
const bare = /^import\s+'([^']+)'|\b(?:import|require)\(\s*'([^']+)'/gm

function readSource(name: string, file: string): Source {
  const path = relative(root, join(root, 'packages', name, 'src', file))
  const text = readFileSync(join(root, path), 'utf8')
  const imports: Import[] = []
  const add = (target: string, typeOnly: boolean): void => {
    const local = target.startsWith('.')
    const resolved = normalize(join(dirname(path), target.replace(/\.js$/, '.ts')))
    imports.push({ target: local ? resolved : target, typeOnly })
  }
  for (const [, type, names = '', target = ''] of text.matchAll(statement)) {
    const specifiers = names
      .replace(/[{}]/g, '')
      .split(',')
      .filter((each) => each.trim() !== '')
    const allTypes = specifiers.length > 0 && specifiers.every((each) => /^\s*type\s/.test(each))
    add(target, type !== undefined || allTypes)
  }
  for (const [, plain, called] of text.matchAll(bare)) add(plain ?? called ?? '', false)
  return { package: name, path, text, imports }
}

const sources = packages.flatMap((name) =>
  readdirSync(join(root, 'packages', name, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => readSource(name, file)),
)
const byPath = new Map(sources.map((source) => [source.path, source]))
/** `a.ts → b.ts` for each import that breaks a rule. */
const breaches = (broken: (source: Source, each: Import) => boolean): string[] =>
  sources.flatMap((source) =>
    source.imports
      .filter((each) => broken(source, each))
      .map((each) => `${source.path} → ${each.target}`),
  )
const isPure = (path: string): boolean => {
  const [, name = ''] = path.split('/')
  return pure[name]?.includes(basename(path, '.ts')) === true
}

describe('the packages', () => {
  test('are read: every file imports something that is there', () => {
    expect(sources.length).toBeGreaterThan(40)
    expect(sources.flatMap((source) => source.imports).length).toBeGreaterThan(100)
    expect(
      breaches((_source, { target }) => target.startsWith('packages/') && !byPath.has(target)),
    ).toEqual([])
  })

  test('front and worker import protocol by its name, never each other; adapt imports worker; protocol and the kit import none', () => {
    const allowed: Record<string, readonly string[]> = {
      front: ['@tempest/protocol'],
      worker: ['@tempest/protocol'],
      adapt: ['@tempest/worker'],
    }
    expect(
      breaches(
        (source, { target }) =>
          target.startsWith('@tempest/') && !allowed[source.package]?.includes(target),
      ),
    ).toEqual([])
  })

  test('reach into no other package by a path', () => {
    const outside = ({ package: name }: Source, { target }: Import): boolean =>
      (target.startsWith('packages/') || target.startsWith('..')) &&
      !target.startsWith(`packages/${name}/src/`)
    expect(breaches(outside)).toEqual([])
  })

  test('only protocol knows ioredis, and the kit, which is a reading of the protocol of its own', () => {
    const knowing = ['protocol', 'conformance']
    expect(
      breaches(
        (source, { target }) =>
          !knowing.includes(source.package) && /^(ioredis|redis)$/.test(target),
      ),
    ).toEqual([])
  })

  test('no file imports the index of its own package', () => {
    expect(breaches((_source, { target }) => /\/src\/index\.ts$/.test(target))).toEqual([])
  })

  test('no files import each other in a circle', () => {
    const circles: string[] = []
    const done = new Set<string>()
    const visit = (path: string, way: string[]): void => {
      const from = way.indexOf(path)
      if (from >= 0) circles.push([...way.slice(from), path].join(' → '))
      if (from >= 0 || done.has(path)) return
      for (const { target, typeOnly } of byPath.get(path)?.imports ?? []) {
        // Types are erased: an owner and what it owns may know each other's.
        if (!typeOnly && byPath.has(target)) visit(target, [...way, path])
      }
      done.add(path)
    }
    for (const { path } of sources) visit(path, [])
    expect(circles).toEqual([])
  })

  test(`no file has more than ${MAX_LINES} lines`, () => {
    const long = sources
      .map(({ path, text }) => ({ path, lines: text.trimEnd().split('\n').length }))
      .filter(({ lines }) => lines > MAX_LINES)
    expect(long).toEqual([])
  })

  test('every file says in its first comment what it is', () => {
    expect(
      sources.filter(({ text }) => !/^(\/\*\*|#!.*\n\/\*\*)/.test(text)).map(({ path }) => path),
    ).toEqual([])
  })
})

describe('pure files', () => {
  test('are all there', () => {
    for (const [name, files] of Object.entries(pure)) {
      for (const file of files)
        expect(
          [...byPath.keys()].some(
            (path) =>
              isPure(path) && path.startsWith(`packages/${name}/`) && path.endsWith(`/${file}.ts`),
          ),
        ).toBe(true)
    }
  })

  test('import pure files only, no ioredis, no socket, no file, not even as a type', () => {
    expect(
      breaches(
        ({ path }, { target }) => isPure(path) && !isPure(target) && !harmless.includes(target),
      ),
    ).toEqual([])
  })

  test('use no timer and no clock of their own, but for the defaults that a test replaces', () => {
    const impure = /\b(setTimeout|setImmediate|process\.|Date\.now)\b/
    const found = sources.filter(({ path, text }) => isPure(path) && impure.test(text))
    // Until Redis was first heard there is no other clock than the wall's.
    expect(found.map(({ path }) => path)).toEqual(['packages/protocol/src/redis/clock.ts'])
  })
})
