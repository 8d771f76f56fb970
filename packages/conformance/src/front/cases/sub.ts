/** A front that serves /sub: the vectors of payloads, and coming back. */
import { check, checkEqual, Skip } from '../../case.js'
import { type EventVector, vectors } from '../../vectors.js'
import type { FrontCase } from '../cases.js'
import { Exchange, valuesOf } from '../client.js'
import type { FrontStage } from '../stage.js'

const JOINED = ': joined\n'

class Listener {
  readonly channel: string
  readonly exchange: Exchange
  readonly #stage: FrontStage

  constructor(stage: FrontStage, channel: string, headers: Record<string, string> = {}) {
    const base = stage.options.url.replace(/\/$/, '')
    this.#stage = stage
    this.channel = channel
    this.exchange = new Exchange(new URL(`${base}/sub/${channel}`), { headers })
  }

  get text(): string {
    return this.exchange.body.toString()
  }

  /** Until the text holds that. */
  async until(what: string): Promise<void> {
    const end = performance.now() + this.#stage.options.replyMs
    while (!this.text.includes(what)) {
      const left = end - performance.now()
      check(left > 0, `in the stream: ${what}`, this.text)
      await this.exchange.arrived(this.exchange.body.length + 1, Math.min(left, 1000))
    }
  }

  /** The events behind what was there when it joined, without their ids. */
  get events(): string[] {
    const behind = this.text.slice(this.text.indexOf(JOINED) + JOINED.length)
    const blocks = behind.split('\n\n').map((block) =>
      block
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith('id') && !line.startsWith(':'))
        .join('\n'),
    )
    return blocks.filter((block) => block !== '')
  }
}

/** As a path: so that a request for it that becomes a job is told by that. */
const channelOf = (stage: FrontStage): string => stage.path().split('/').at(-1) ?? ''

/** @throws Skip where the front does not serve /sub: then the request is a job, or an error. */
async function join(
  stage: FrontStage,
  headers: Record<string, string> = {},
  channel = channelOf(stage),
): Promise<Listener> {
  const listener = new Listener(stage, channel, headers)
  const { replyMs } = stage.options
  const job = stage.job(channel, replyMs).then(
    () => false,
    () => false,
  )
  const here = await Promise.race([listener.exchange.arrived(0, replyMs), job])
  const type = listener.exchange.head?.headers['content-type'] ?? ''
  if (!here || !type.startsWith('text/event-stream')) {
    listener.exchange.leave()
    throw new Skip('the front does not serve /sub')
  }
  await listener.until(JOINED)
  return listener
}

async function payloadCase(stage: FrontStage, { payload, event }: EventVector): Promise<void> {
  const listener = await join(stage)
  try {
    await stage.redis.publish(listener.channel, payload)
    await stage.redis.publish(listener.channel, '["conformance-last",""]')
    await listener.until('event: conformance-last')
    checkEqual(listener.events[0], event.join('\n'), 'the event')
    checkEqual(listener.events.length, 2, 'events')
  } finally {
    listener.exchange.leave()
  }
}

export const subCases = (): FrontCase[] => [
  {
    rule: 'P-124',
    title: 'GET /sub/<name> is an event stream at once: retry, then the comment joined',
    async run(stage) {
      const listener = await join(stage)
      try {
        check(/^retry: \d+\n/.test(listener.text), 'retry first', listener.text)
        const { head } = listener.exchange
        checkEqual(head?.statusCode, 200, 'the status')
      } finally {
        listener.exchange.leave()
      }
    },
  },
  ...vectors.events().map((vector): FrontCase => ({
    rule: vector.rule,
    title: `A payload becomes one event: ${vector.name}`,
    run: (stage) => payloadCase(stage, vector),
  })),
  {
    rule: 'P-123',
    title: '$unsubscribe ends the channel with the event end, and with its last channel the stream',
    async run(stage) {
      const listener = await join(stage)
      await stage.redis.publish(listener.channel, '["$unsubscribe"]')
      const response = await listener.exchange.response
      check(/event: end\n/.test(response.body.toString()), 'event: end', response.body.toString())
      checkEqual(valuesOf(response, 'content-type').length, 1, 'content-type')
    },
  },
  {
    rule: 'P-125',
    title: 'Who comes back with Last-Event-ID gets what was logged behind it, once, in order',
    async run(stage) {
      const channel = channelOf(stage)
      const add = (data: string): Promise<string | null> =>
        stage.redis.xadd(
          ...(['tempest:events', 'MAXLEN', '~', 100_000, '*'] as const),
          ...(['channel', channel, 'data', JSON.stringify([data])] as const),
        )
      const first = (await add('one')) ?? ''
      await add('two')
      const last = await add('three')
      const listener = await join(stage, { 'last-event-id': first }, channel)
      try {
        await add('four')
        await listener.until('data: four')
        const data = [...listener.text.matchAll(/^data: (.*)$/gm)].map(([, it]) => it)
        checkEqual(data, ['two', 'three', 'four'], 'the data')
        check(listener.text.includes(`id: ${last ?? ''}`), 'the ids of the log', listener.text)
      } finally {
        listener.exchange.leave()
      }
    },
  },
  {
    rule: 'P-125',
    title: 'Behind an id that the log no longer has stands the event gap',
    async run(stage) {
      const listener = await join(stage, { 'last-event-id': '1-1' })
      try {
        check(/event: gap\ndata: log\n/.test(listener.text), 'event: gap, data: log', listener.text)
      } finally {
        listener.exchange.leave()
      }
    },
  },
]
