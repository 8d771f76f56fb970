/**
 * `npm run adapt -- --to http://127.0.0.1:8000`: a worker that hands its jobs to an application as it is, an HTTP server or a CGI program. It uses the
 * Redis it is told and brings none.
 */
import { createWorker } from '@tempest/worker'
import { pino } from 'pino'
import { asksForHelp, readAdapter, USAGE } from './adapt-options.js'
import { runProgram } from './program.js'
import { checkAddress } from './redis-check.js'
import { maskUrl } from './redis-url.js'
import { needRedis, readSettings } from './settings.js'

let stopWorker: (() => Promise<void>) | undefined

runProgram({
  async start() {
    if (asksForHelp(process.argv.slice(2))) {
      console.log(USAGE)
      process.exit(0)
    }
    const settings = readSettings(process.env)
    const logger = pino({ name: 'adapt', level: settings.logLevel }, pino.destination(2))
    const cwd = process.env.INIT_CWD ?? process.cwd()
    const { handler, shown, ...given } = readAdapter(
      process.argv.slice(2),
      cwd,
      logger,
      // npm and ps show a command line to everybody.
      process.env.TEMPEST_ADAPT_TO?.trim() || undefined,
    )
    const redis = needRedis(settings, 'npm run adapt')
    await checkAddress(redis)
    const { queues = [...settings.queues], concurrency = settings.concurrency } = given
    const direct = { password: settings.directPassword }
    const worker = createWorker({ redis: redis.url, queues, concurrency, direct, logger })
    stopWorker = () => worker.stop()
    worker.on('url', handler)
    await worker.start()
    console.log(
      `Adapter ${process.pid}, queue ${queues.join(', ')}, ${concurrency} jobs at a time, for ${shown}, ` +
        `Redis ${maskUrl(redis.url)}. Ctrl-C ends it.`,
    )
  },
  async stop() {
    await stopWorker?.()
  },
})
