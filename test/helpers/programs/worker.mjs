// Workers of a scenario in a process of their own: one for each `{ queues, redis, journal, …options }`. Each run of a handler
// is written down by the number of its request, so that a scenario can tell whether one was run twice.
import { Buffer } from 'node:buffer'
import { setTimeout as pause } from 'node:timers/promises'
import { URLSearchParams } from 'node:url'
import { createWorker } from '@tempest/worker'
import { answerTo } from './answer.mjs'
import { config, logger, resources, serve } from './channel.mjs'
import { openJournal } from './journal.mjs'
import { piecesOf } from './pattern.cjs'

const members = config.map(({ journal: path, ...options }) => {
  const worker = createWorker({ ...options, logger })
  const journal = openJournal(path)
  const runs = []

  /** @param terms what the request asks of its handler: `ms` of work, `do` for worse. */
  async function work(n, job, terms) {
    const { attempt, queue, signal } = job
    if (path === undefined) runs.push([Number(n), attempt, queue])
    journal.note('begun', n, attempt, queue)
    const deed = terms.get('do')
    if (deed === 'kill') process.kill(process.pid, 'SIGKILL')
    if (deed === 'throw' && attempt <= Number(terms.get('times') ?? 1e9)) {
      journal.note('threw', n, attempt, queue)
      throw new Error('as it was told')
    }
    signal.addEventListener('abort', () => journal.note('signal', n, attempt, queue))
    // A first attempt may take longer than those that follow.
    const ms = Number((attempt === 1 && terms.get('first')) || terms.get('ms'))
    // A handler that minds its signal, and one that does not.
    if (deed === 'mind') await pause(ms, undefined, { signal }).catch(() => undefined)
    else if (ms > 0) await pause(ms)
    journal.note('ended', n, attempt, queue)
  }

  /** A stream of known bytes, with a rest of `ms` behind each piece. */
  async function* streamed(n, ms) {
    for (const piece of piecesOf(n)) {
      yield piece
      if (ms > 0) await pause(ms)
    }
  }

  async function* filled(bytes) {
    const block = Buffer.alloc(64 * 1024)
    for (let sent = 0; sent < bytes; sent += block.length) yield block
  }

  worker.on('url', async (request, job) => {
    const { searchParams } = new URL(request.url, 'http://worker')
    if (searchParams.has('fill')) return filled(Number(searchParams.get('fill')))
    if (searchParams.has('stream')) {
      return streamed(Number(searchParams.get('stream')), Number(searchParams.get('ms')))
    }
    await work(searchParams.get('n'), job, searchParams)
    return { headers: { 'content-type': 'application/octet-stream' }, body: answerTo(request) }
  })
  // For programs that push or ask: `{ terms: 'n=p1&ms=20' }`, or such a text alone.
  worker.on('note', async ([given], job) => {
    const terms = new URLSearchParams(typeof given === 'object' ? given.terms : given)
    await work(terms.get('n'), job, terms)
    return terms.get('n')
  })
  worker.on('wait', ([ms]) => pause(ms))
  return { worker, runs }
})
// One whose Redis is away starts later.
for (const { worker } of members) worker.start().catch((error) => console.error(error))

serve({
  answer: {
    started: () => Promise.all(members.map(({ worker }) => worker.start())),
    stats: () => members.map(({ worker }) => worker.stats()),
    resources,
    /** Since it was asked the last time: [number of the request, attempt, queue] of each run, per worker. */
    runs: () => members.map(({ runs }) => runs.splice(0)),
  },
  stop: () => Promise.all(members.map(({ worker }) => worker.stop())),
})
