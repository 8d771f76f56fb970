/** The application of the kit, served by our worker. */
import { createWorker, HttpError, json } from '@tempest/worker'
import { setTimeout as pause } from 'node:timers/promises'

const worker = createWorker({
  redis: process.env.TEMPEST_REDIS_URL,
  queues: [process.env.TEMPEST_QUEUES ?? 'tempest'],
})

async function* count(to) {
  for (let n = 0; n < to; n++) yield `${n}\n`
}

worker.on('url', async ({ method, url, headers, body }) => {
  const { pathname, searchParams } = new URL(url, 'http://localhost')
  const type = headers['content-type'] ?? 'application/octet-stream'
  switch (`${method} ${pathname}`) {
    case 'GET /':
      return 'Hello from Node\n'
    case 'GET /json':
      return json({ method, name: searchParams.get('name') })
    case 'POST /echo':
      return { headers: { 'content-type': type }, body }
    case 'GET /cookies':
      return { headers: { 'set-cookie': ['a=1; Path=/', 'b=2; Path=/'] }, body: 'two cookies\n' }
    case 'GET /error':
      throw new HttpError(409, 'out of stock')
    case 'GET /slow':
      await pause(Number(searchParams.get('ms')))
      return 'slow'
    case 'GET /stream':
      return { body: count(Number(searchParams.get('n'))) }
    default:
      return { status: 404, body: 'not found\n' }
  }
})

await worker.start()
process.once('SIGTERM', () => worker.stop())
