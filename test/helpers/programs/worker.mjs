// Workers of a scenario in a process of their own: one for each `{ queues, redis, …options }`. Each run of a handler is
// written down by the number of its request, so that a scenario can tell whether one was run twice.
import { createHash } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { createWorker } from '@tempest/worker'
import { config, logger, serve } from './channel.mjs'

const members = config.map((options) => {
  const worker = createWorker({ ...options, logger })
  const runs = []
  worker.on('url', async (request, job) => {
    const url = new URL(request.url, 'http://worker')
    runs.push([Number(url.searchParams.get('n')), job.attempt, job.queue])
    const ms = Number(url.searchParams.get('ms'))
    if (ms > 0) await pause(ms)
    return { headers: { 'content-type': 'application/octet-stream' }, body: answerTo(request, url) }
  })
  worker.on('wait', ([ms]) => pause(ms))
  return { worker, runs }
})
// One whose Redis is away starts later.
for (const { worker } of members) worker.start().catch((error) => console.error(error))

/** What load.ts expects: what was asked, the digest of what was sent, and as many bytes as were wanted. */
function answerTo({ method, url, body }, { searchParams }) {
  const head = `${method} ${url} ${createHash('sha1').update(body).digest('hex')} `
  return Buffer.concat([Buffer.from(head), Buffer.alloc(Number(searchParams.get('bytes')), 0xe4)])
}

serve({
  answer: {
    started: () => Promise.all(members.map(({ worker }) => worker.start())),
    stats: () => members.map(({ worker }) => worker.stats()),
    /** Since it was asked the last time: [number of the request, attempt, queue] of each run, per worker. */
    runs: () => members.map(({ runs }) => runs.splice(0)),
  },
  stop: () => Promise.all(members.map(({ worker }) => worker.stop())),
})
