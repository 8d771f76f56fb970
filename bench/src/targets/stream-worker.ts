/** A Tempest worker of streams: `stream-worker.js <redis URL> <concurrency>`. */

import { createWorker, type Job } from '@tempest/worker'
import { readBlocks } from '../streams/block.js'
import { feedOf, goOn } from '../streams/feed.js'
import { eventHeaders, FIRST_MS, routeOf } from '../streams/route.js'
import { listenToBench, tellReady } from './control.js'
import { hello } from './hello.js'

const [redis = '', concurrency = '1'] = process.argv.slice(2)

const worker = createWorker({ redis, concurrency: Number(concurrency), stopMs: 0 })
worker.on('url', async ({ url }, job) => {
  const route = routeOf(url)
  switch (route.kind) {
    case 'tokens':
      return streamTokens(job, route.perSecond)
    case 'first':
      return sendFirst(job)
    case 'large':
      return {
        headers: { 'content-length': String(route.bytes) },
        body: readBlocks(route.bytes),
      }
    case 'hello':
      return hello
  }
})
listenToBench(() => worker.stop(), {
  go: goOn,
  running: () => worker.stats().running,
})
void worker.start().then(() => tellReady(0))

/** Ends when its client leaves. */
function streamTokens(job: Job, perSecond: number): Promise<undefined> {
  const out = job.stream(200, eventHeaders)
  const remove = feedOf(perSecond).add((token) => out.write(token))
  return new Promise((resolve) => {
    job.signal.addEventListener('abort', () => {
      remove()
      resolve(undefined)
    })
  })
}

async function sendFirst(job: Job): Promise<undefined> {
  const out = job.stream(200, eventHeaders)
  await out.write('data: first\n\n')
  await new Promise((resolve) => setTimeout(resolve, FIRST_MS))
  await out.end('data: last\n\n')
  return undefined
}
