/**
 * A Tempest worker that says hello: `worker.js <redis URL> <queue> <concurrency> [ms each handler takes] [echo]`, or sends the body back.
 *
 * What is mounted at /held it never answers. The action `rest` is that of the jobs which only wait.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { createWorker } from '@tempest/worker'
import { listenToBench, tellReady } from './control.js'
import { hello } from './hello.js'

const [redis = '', queue = 'tempest', concurrency = '1', delay = '0', mode = ''] =
  process.argv.slice(2)
const delayMs = Number(delay)

const worker = createWorker({ redis, queues: [queue], concurrency: Number(concurrency) })
if (mode === 'echo') worker.on('url', ({ body }) => body)
else if (delayMs > 0) {
  worker.on('url', () => sleep(delayMs, hello))
} else {
  worker.on('url', ({ mount }, job) => (mount === '/held' ? untilAborted(job.signal) : hello))
}
worker.on('rest', () => sleep(delayMs, null))
listenToBench(() => worker.stop())
void worker.start().then(() => tellReady(0))

function untilAborted(signal: AbortSignal): Promise<string> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(hello)))
}
