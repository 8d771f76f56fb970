// `npm run pack [-- <folder>]`: makes of each package the tarball that would be published, in a folder (.cache/packages). A package is put
// together anew from what its package.json lists, so that nothing an older build left behind goes along. Links lead to what is in it.
import fs from 'node:fs'
import { join, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { runNpm } from './command.mjs'
import { relink } from './links.mjs'

const root = fileURLToPath(new URL('../', import.meta.url))
/** What a package may list that is not in its folder, and where it is. */
const elsewhere = { LICENSE: 'LICENSE', 'protocol.md': 'docs/protocol.md' }

const USAGE = 'Usage: npm run pack [-- <folder>]'

/** Resolves the exit code. */
export async function pack(args) {
  const { folder, help, wrong } = read(args)
  if (help) console.log(USAGE)
  if (wrong) console.error(wrong)
  return folder === undefined ? Number(!help) : packInto(resolve(folder))
}

function read(args) {
  try {
    const options = { help: { type: 'boolean', short: 'h' } }
    const { values, positionals } = parseArgs({ args, options, allowPositionals: true })
    if (values.help) return { help: true }
    if (positionals.length > 1) return { wrong: 'npm run pack takes one folder.' }
    return { folder: positionals[0] || join(root, '.cache/packages') }
  } catch (error) {
    const [sentence] = error.message.split(/\.\s/)
    return { wrong: `${sentence.replace(/\.$/, '')}.` }
  }
}

async function packInto(target) {
  const names = fs.readdirSync(join(root, 'packages'))
  for (const name of names) {
    const from = join(root, 'packages', name)
    const stage = join(target, name)
    fs.rmSync(stage, { recursive: true, force: true })
    fs.mkdirSync(stage, { recursive: true })
    const { files } = JSON.parse(fs.readFileSync(join(from, 'package.json'), 'utf8'))
    for (const each of ['package.json', 'README.md', 'LICENSE', ...files]) {
      const filter = (path) => belongs(path, from)
      const source = elsewhere[each] ? join(root, elsewhere[each]) : join(from, each)
      fs.cpSync(source, join(stage, each), { recursive: true, filter })
    }
    relinkAll(stage, `packages/${name}`)
    const code = await runNpm(['pack', '--silent', '--pack-destination', target], { cwd: stage })
    if (code !== 0) return code
  }
  return 0
}

function relinkAll(stage, home) {
  const moved = Object.entries(elsewhere)
  const find = (path) => {
    const brought = moved.find(([, source]) => source === path)?.[0]
    const packed = brought ?? (path.startsWith(`${home}/`) ? path.slice(home.length + 1) : '')
    return packed !== '' && fs.existsSync(join(stage, packed)) ? packed : undefined
  }
  for (const file of fs.readdirSync(stage, { recursive: true })) {
    if (!file.endsWith('.md')) continue
    const packed = file.replaceAll(sep, '/')
    const path = elsewhere[packed] ?? `${home}/${packed}`
    const text = fs.readFileSync(join(stage, file), 'utf8')
    fs.writeFileSync(join(stage, file), relink(text, { path, packed }, find))
  }
}

/** Of what was built, code and types whose source is still there; maps point to sources that are not shipped. */
function belongs(path, from) {
  const dist = join(from, 'dist')
  if (!path.startsWith(dist + sep) || fs.statSync(path).isDirectory()) return true
  if (!/\.(?:js|d\.ts)$/.test(path)) return false
  const source = path.replace(dist, join(from, 'src')).replace(/(?:\.js|\.d\.ts)$/, '.ts')
  return fs.existsSync(source)
}
