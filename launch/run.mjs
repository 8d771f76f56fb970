// What every npm script of the root runs: `node launch/run.mjs <name>`. It works in a fresh clone,
// where nothing is installed or built, so it uses Node's own modules only. It checks Node, lets
// prepare.mjs install and build what is missing, then hands over: in this process to the built
// program of that name, for `test` to suite.mjs.
import { fileURLToPath } from 'node:url'

const NEEDED = [20, 19]

const programs = {
  start: 'launch/dist/start.js',
  front: 'launch/dist/front.js',
  worker: 'launch/dist/worker.js',
  adapt: 'launch/dist/adapt.js',
  nodes: 'launch/dist/nodes.js',
  dead: 'launch/dist/dead.js',
  bench: 'bench/dist/main.js',
  soak: 'test/soak/run.mjs',
}

const [major, minor] = process.versions.node.split('.').map(Number)
if (major < NEEDED[0] || (major === NEEDED[0] && minor < NEEDED[1])) {
  console.error(
    `Tempest needs Node ${NEEDED.join('.')} or later; this is ${process.versions.node}.`,
  )
  process.exit(1)
}

async function main(name, args) {
  if (!Object.hasOwn(programs, name) && !['test', 'build', 'pack'].includes(name)) {
    console.error(
      `Usage: npm start, npm test, or npm run ${[...Object.keys(programs), 'build', 'pack'].join('|')}`,
    )
    return 1
  }
  const root = new URL('../', import.meta.url)
  const { prepare } = await import('./prepare.mjs')
  if (!(await prepare(root))) return 1
  if (name === 'build') return 0
  if (name === 'pack') {
    const { pack } = await import('./pack.mjs')
    return pack(args)
  }
  if (name === 'test') {
    const { runSuite } = await import('./suite.mjs')
    return runSuite(root, args)
  }
  const program = new URL(programs[name], root)
  process.argv = [process.argv[0], fileURLToPath(program), ...args]
  await import(program.href)
  return undefined // the program says when and how it ends
}

main(process.argv[2] ?? '', process.argv.slice(3)).then((code) => {
  if (code !== undefined) process.exitCode = code
})
