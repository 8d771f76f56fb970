/**
 * `npm run front`, and the front of `npm start`: HTTP in, jobs out. The first queue serves
 * everything but /healthz, /readyz and /sub, further ones what is under /<name>. It uses the Redis it is told and brings none.
 */
import { createFront, type DirectOptions, type Front, type FrontOptions } from '@tempest/front'
import { reasonOf } from '@tempest/protocol'
import connect from 'connect'
import { createServer } from 'node:http'
import { pino } from 'pino'
import { listen } from './listen.js'
import { runProgram } from './program.js'
import { checkAddress } from './redis-check.js'
import { hasParent, sendReport } from './report.js'
import { Refusal } from './refusal.js'
import { needRedis, readSettings, type Settings, urlOf } from './settings.js'
import { maskUrl } from './redis-url.js'

let front: Front | undefined

function makeFront(
  options: FrontOptions,
  { direct: given, directPassword, legacy }: Settings,
): Front {
  if (!given) return createFront(options)
  try {
    const direct = directOf(given.listen, given.advertise, directPassword)
    return createFront({ ...options, direct, legacy })
  } catch (error) {
    throw new Refusal(`TEMPEST_DIRECT cannot be used: ${reasonOf(error)}.`, { cause: error })
  }
}

/** As `direct` has it; `[::1]:7000` is a host with brackets. */
function directOf(
  listen: string,
  advertise: string | undefined,
  password: string | undefined,
): DirectOptions | string {
  const [, host, port] = /^(.*):(\d+)$/.exec(listen) ?? []
  if (port === undefined) return listen
  return { host: host === '' ? undefined : host, port: Number(port), advertise, password }
}

function direct({ direct: given }: Settings): string {
  return given ? `, direct replies at ${given.advertise ?? given.listen}` : ''
}

runProgram({
  async start() {
    const settings = readSettings(process.env)
    const redis = needRedis(settings, 'npm run front')
    await checkAddress(redis)
    const logger = pino({ name: 'front', level: settings.logLevel }, pino.destination(2))
    const made = makeFront({ redis: redis.url, logger, encoding: settings.encoding }, settings)
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
          `Redis ${maskUrl(redis.url)}${direct(settings)}. Ctrl-C ends it.`,
      )
    }
  },
  async stop() {
    await front?.stop()
  },
})
