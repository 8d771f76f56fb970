// Pops jobs from the queue `tempest`, runs the handler of their action, replies. Start as many as you like.
import { setTimeout as pause } from 'node:timers/promises'
import { createWorker, HttpError, json } from '@tempest/worker'

const redis = process.env.REDIS_URL ?? 'redis://localhost'

const worker = createWorker({ redis, queues: ['tempest'] })

worker.on('url', async (request, job) => {
  if (request.method === 'POST') return json({ bytes: request.body.length }, 201)
  if (request.url === '/gone') throw new HttpError(410)
  const body = await render(request.url, job.signal)
  return { headers: { 'content-type': 'text/html' }, body }
})
worker.on('add', ([a, b]) => a + b)

await worker.start()

process.once('SIGINT', () => worker.stop())
process.once('SIGTERM', () => worker.stop())

// Stands for work that takes a while. The signal ends it when the client has left or the deadline is over.
async function render(url, signal) {
  await pause(20, undefined, { signal })
  return `<h1>Hello</h1><p>This is ${encodeURI(url)}</p>\n`
}
