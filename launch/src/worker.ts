/**
 * `npm run worker`, and the workers of `npm start`: runs the handlers of demo.ts. Any number may
 * run, each a command of its own. It uses the Redis it is told and brings none.
 */
import { createWorker } from '@tempest/worker'
import { pino } from 'pino'
import { type Demo, handleDemo } from './demo.js'
import { runProgram } from './program.js'
import { checkAddress } from './redis-check.js'
import { maskUrl } from './redis-url.js'
import { hasParent, sendReport } from './report.js'
import { needRedis, readSettings } from './settings.js'

let stopWorker: (() => Promise<void>) | undefined

runProgram({
  async start() {
    const settings = readSettings(process.env)
    const redis = needRedis(settings, 'npm run worker')
    await checkAddress(redis)
    const logger = pino({ name: 'worker', level: settings.logLevel }, pino.destination(2))
    const { queues, concurrency, directPassword } = settings
    const direct = { password: directPassword }
    const worker = createWorker<Demo>({
      ...{ redis: redis.url, queues, concurrency, direct, logger },
    })
    stopWorker = () => worker.stop()
    handleDemo(worker)
    await worker.start()
    await sendReport({ ready: true })
    if (!hasParent()) {
      console.log(
        `Worker ${process.pid}, queue ${queues.join(', ')}, ${concurrency} jobs at a time, ` +
          `Redis ${maskUrl(redis.url)}. Ctrl-C ends it.`,
      )
    }
  },
  async stop() {
    await stopWorker?.()
  },
})
