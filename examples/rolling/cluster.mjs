// Fronts that share one port. SIGHUP replaces each in turn, the new one ready before the old one stops; SIGTERM drains all.
import cluster from 'node:cluster'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const fronts = Number(process.env.FRONTS ?? 2)
cluster.setupPrimary({ exec: fileURLToPath(new URL('front.mjs', import.meta.url)) })

let stopping = false
let turn = Promise.resolve()
const leaving = new Set()

async function start() {
  const front = cluster.fork()
  // It listens when it is ready.
  const [how] = await Promise.race([
    once(front, 'listening').then(() => ['is ready']),
    once(front, 'exit').then(() => ['could not start']),
  ])
  console.log(`front ${front.process.pid} ${how}`)
  return how === 'is ready'
}

async function replaceAll() {
  for (const old of Object.values(cluster.workers)) {
    if (stopping || !(await start())) break
    const gone = once(old, 'exit')
    leaving.add(old.id)
    old.process.kill('SIGTERM')
    await gone
  }
  console.log('replaced')
}

cluster.on('exit', (front) => {
  if (stopping || leaving.delete(front.id)) return
  // It died, or somebody stopped it alone.
  setTimeout(() => !stopping && start(), 200)
})
process.on('SIGHUP', () => (turn = turn.then(replaceAll)))
for (const signal of ['SIGTERM', 'SIGINT']) {
  process.once(signal, () => {
    stopping = true
    for (const front of Object.values(cluster.workers)) front.process.kill('SIGTERM')
  })
}

await Promise.all(Array.from({ length: fronts }, start))
