/**
 * The packages as they would be published: what is in them, and an empty project into which they are installed. TEMPEST_NODES names further
 * Node programs to run them with, separated by colons.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { execFile } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { promisify } from 'node:util'
import { describeWithRedis, startTestRedis, type TestRedis } from './helpers/redis'

const root = join(__dirname, '..')
const names = readdirSync(join(root, 'packages'))
const nodes = [process.execPath, ...(process.env.TEMPEST_NODES ?? '').split(':').filter(Boolean)]
const run = promisify(execFile)

let dir = ''
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'tempest-packages-'))
  await run(process.execPath, [join(root, 'launch/run.mjs'), 'pack', dir], { cwd: root })
}, 60_000)
afterAll(() => rmSync(dir, { recursive: true, force: true }))

const filesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
const jsonOf = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'))
function tarballOf(name: string): string {
  const found = readdirSync(dir).find((file) =>
    new RegExp(`^tempest-${name}-[\\d.]+\\.tgz$`).test(file),
  )
  return join(dir, found ?? `no tarball of ${name}`)
}

describe.each(names)('the package %s', (name) => {
  test('holds what its sources make, a readme and a licence, and nothing else', async () => {
    const from = join(root, 'packages', name)
    const built = filesIn(join(from, 'src')).flatMap((file) => {
      const path = `dist/${file.replace(/\.ts$/, '')}`
      return [`${path}.js`, `${path}.d.ts`]
    })
    const others = ['lua', 'thread', 'vectors'].flatMap((folder) =>
      readdirSync(from).includes(folder)
        ? filesIn(join(from, folder)).map((file) => `${folder}/${file}`)
        : [],
    )
    const bin = readdirSync(from).filter((file) => file === 'bin.mjs')
    const { stdout } = await run('tar', ['tzf', tarballOf(name)])
    const held = stdout
      .trim()
      .split('\n')
      .map((path) => path.replace(/^package\//, ''))
    const fixed = ['LICENSE', 'README.md', 'package.json']
    // The specification goes along with what tries it.
    if (name === 'conformance') fixed.push('protocol.md')
    expect(held.sort()).toEqual([...built, ...others, ...bin, ...fixed].sort())
  })

  test('has no link that leads to what is not in it', () => {
    const folder = join(dir, name)
    const texts = filesIn(folder).filter((file) => file.endsWith('.md'))
    const dead = texts.flatMap((file) =>
      [...readFileSync(join(folder, file), 'utf8').matchAll(/\]\((?!#|[a-z]+:)([^)#\s]+)/g)]
        .map(([, target]) => target ?? '')
        .filter((target) => !existsSync(join(folder, dirname(file), target)))
        .map((target) => `${file}: ${target}`),
    )
    expect(dead).toEqual([])
    expect(texts).toContain('README.md')
  })

  test('says in its readme what its types need', () => {
    const readme = readFileSync(join(dir, name, 'README.md'), 'utf8')
    expect(readme).toContain('`@types/node`')
  })

  test('is what publint and arethetypeswrong would publish', async () => {
    const program = join(__dirname, 'helpers/programs/check-package.mjs')
    const { stdout } = await run(process.execPath, [program, join(dir, name), tarballOf(name)])
    expect(JSON.parse(stdout)).toEqual([])
  })
})

/** Asks a worker through a front, both of this process, and says what came. */
const consumer = `
const front = createFront({ redis, encoding: 'msgpack' })
const server = createServer(front.work('tempest')).listen(0, '127.0.0.1')
const worker = createWorker({ redis })
worker.on('url', inject((req, res) => res.end('hello ' + req.url)))
await worker.start()
const { port } = server.address()
const reply = await fetch('http://127.0.0.1:' + port + '/x')
const node = createNode({ redis })
await node.push('tempest', 'note', [])
const found = typeof runWorkerCases + ' ' + typeof jwtAuthorize
console.log(reply.status, await reply.text(), found)
await Promise.all([front.stop(), worker.stop(), node.stop()])
server.close()
`
const imports = `
import { createServer } from 'node:http'
import { createFront } from '@tempest/front'
import { jwtAuthorize } from '@tempest/front/jwt'
import { createWorker } from '@tempest/worker'
import { createNode } from '@tempest/protocol'
import { inject } from '@tempest/adapt'
import { runWorkerCases } from 'tempest-conformance'
`
const program = 'const redis = process.argv[2]\n'

/** What stands in the readmes as code, with what it leaves to the reader. */
function readmes(): [string, string][] {
  const given =
    "import type { RequestListener } from 'node:http'\ndeclare const app: RequestListener\n"
  return names.flatMap((name) => {
    const text = readFileSync(join(root, 'packages', name, 'README.md'), 'utf8')
    const blocks = [...text.matchAll(/^```js\n(.*?)^```/gms)]
    return blocks.map(([, code = ''], i): [string, string] => [
      `readme-${name}-${i}.mts`,
      (name === 'adapt' ? given : '') + code,
    ])
  })
}

describeWithRedis('an empty project with the packages installed', () => {
  let redis: TestRedis
  let project = ''
  beforeAll(async () => {
    redis = await startTestRedis()
    project = join(dir, 'project')
    mkdirSync(project)
    writeFileSync(join(project, 'package.json'), '{ "private": true }')
    const install = ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--prefer-offline']
    await run('npm', [...install, ...names.map(tarballOf)], { cwd: project })
    writeFileSync(join(project, 'app.mjs'), imports + program + consumer)
    const required = imports.replace(/import (.*) from (.*)/g, 'const $1 = require($2)')
    writeFileSync(
      join(project, 'app.cjs'),
      `${required}${program}void (async () => {${consumer}})()\n`,
    )
    const typed = (text: string): string =>
      text
        .replace('server.address()', 'server.address() as { port: number }')
        .replace('process.argv[2]', "process.argv[2] ?? ''")
    for (const [name, text] of readmes()) writeFileSync(join(project, name), text)
    writeFileSync(join(project, 'types.mts'), typed(imports + program + consumer))
    writeFileSync(
      join(project, 'types.cts'),
      typed(`${imports}${program}void (async () => {${consumer}})()\n`),
    )
  }, 120_000)
  afterAll(() => redis.stop())

  test.each(
    nodes.flatMap((node) => [
      [node, 'app.mjs'],
      [node, 'app.cjs'],
    ]),
  )('serves a request in %s by %s', async (node, file) => {
    const { stdout } = await run(node, [join(project, file), redis.url], { timeout: 30_000 })
    expect(stdout.trim()).toBe('200 hello /x function function')
  })

  test('has types for import and for require, with which the examples of the readmes compile', async () => {
    const tsc = join(root, 'node_modules/typescript/bin/tsc')
    const options = ['--noEmit', '--strict', '--target', 'es2023', '--module', 'nodenext']
    const types = ['--typeRoots', join(root, 'node_modules/@types'), '--types', 'node']
    const own = ['types.mts', 'types.cts', ...readmes().map(([name]) => name)]
    const files = own.map((file) => join(project, file))
    const told = await run(process.execPath, [tsc, ...options, ...types, ...files], {
      cwd: project,
    }).catch((error: unknown) => error)
    expect(told).toMatchObject({ stdout: '' })
  })

  test.each(nodes)('does the same in %s without what is optional', async (node) => {
    const omit = ['msgpackr-extract', '@msgpackr-extract']
    for (const each of omit)
      rmSync(join(project, 'node_modules', each), { recursive: true, force: true })
    const code = "process.stdout.write(String(require('msgpackr').isNativeAccelerationEnabled))"
    expect((await run(node, ['-e', code], { cwd: project })).stdout).toBe('false')
    const { stdout } = await run(node, [join(project, 'app.mjs'), redis.url], { timeout: 30_000 })
    expect(stdout.trim()).toBe('200 hello /x function function')
  })

  test.each(nodes)('runs the conformance kit with %s', async (node) => {
    const bin = join(project, 'node_modules/tempest-conformance/bin.mjs')
    const { stdout } = await run(node, [bin, 'worker', '--list'])
    expect(stdout.split('\n').length).toBeGreaterThan(60)
    const installed = jsonOf(join(project, 'node_modules/tempest-conformance/package.json'))
    expect(installed).toMatchObject({ bin: { 'tempest-conformance': 'bin.mjs' } })
  })
})
