/**
 * `npm run front`, and the front of `npm start`: HTTP in, jobs out. The first queue serves
 * everything but /healthz, /readyz and /sub, further ones what is under /<name>. It uses the Redis it is told and brings none.
 */
import { createFront, type Front } from '@tempest/front'
import connect from 'connect'
import { createServer } from 'node:http'
import { pino } from 'pino'
import { listen } from './listen.js'
import { runProgram } from './program.js'
import { checkAddress } from './redis-check.js'
import { hasParent, sendReport } from './report.js'
import { needRedis, readSettings, urlOf } from './settings.js'
import { maskUrl } from './redis-url.js'

let front: Front | undefined

runProgram({
  async start() {
    const settings = readSettings(process.env)
    const redis = needRedis(settings, 'npm run front')
    await checkAddress(redis)
    const logger = pino({ name: 'front', level: settings.logLevel }, pino.destination(2))
    const made = createFront({ redis: redis.url, logger })
    front = made
    const app = connect()
    app.use(made.health())
    if (settings.sub) app.use('/sub', made.sub())
    const [first, ...others] = settings.queues
    for (const queue of others) app.use(`/${queue}`, made.work(queue))
    app.use(made.work(first))
    const port = await listen(settings, () => {
      const server = createServer(app)
      made.attach(server)
      return server
    })
    await sendReport({ ready: true, port })
    if (!hasParent()) {
      console.log(
        `Front at ${urlOf(settings.host, port)}, queue ${settings.queues.join(', ')}, ` +
          `Redis ${maskUrl(redis.url)}. Ctrl-C ends it.`,
      )
    }
  },
  async stop() {
    await front?.stop()
  },
})
