// A worker of the smallest kind, as any language has it: BLPOP, work, RPUSH. It knows nothing of held lists, records or beats.
import { setTimeout as pause } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { answerTo } from './answer.mjs'
import { config, resources, serve } from './channel.mjs'
import { openJournal } from './journal.mjs'

const { redis: url, queues, journal: path } = config
const redis = new Redis(url)
redis.on('error', (error) => console.error(error.message))
const journal = openJournal(path)
let running = true
let answered = 0

async function loop() {
  while (running) {
    const popped = await redis.blpop(...queues, 0.5)
    if (!popped) continue
    const [queue, raw] = popped
    const [, [request], respondTo, id] = JSON.parse(raw)
    const { body } = request
    const bytes = typeof body === 'object' ? Buffer.from(body.base64, 'base64') : (body ?? '')
    const terms = new URL(request.url, 'http://worker').searchParams
    journal.note('begun', terms.get('n'), request.meta.attempt, queue)
    await pause(Number(terms.get('ms')))
    const answer = answerTo({ ...request, body: Buffer.from(bytes) })
    const result = [200, {}, { base64: answer.toString('base64') }]
    await redis.rpush(respondTo, JSON.stringify(['answer', id, result]))
    answered++
  }
}
const ended = loop()

serve({
  answer: { started: () => true, stats: () => [{ answered, boot: '' }], resources },
  async stop() {
    running = false
    await ended
    redis.disconnect()
  },
})
