/** One call of `node.ask`: a job whose reply a promise waits for. */
import { type AskOptions, jobText, jobValues, resolveAsk } from './ask.js'
import type { Encoding } from '../wire/encoding.js'
import { TempestError } from '../wire/errors.js'
import type { JobText, JobValues } from './draft.js'
import type { Exchange, ExchangeOwner, ExchangeTerms } from './exchange.js'
import type { Exchanges } from './exchanges.js'
import { checkQueueName } from '../wire/keys.js'

export interface Call {
  queue: string
  terms: Omit<ExchangeTerms, 'outbox'>
  text: JobText | JobValues
  signal: AbortSignal | undefined
}

/** @throws TypeError for what cannot be sent. */
export function prepareCall(
  queue: string,
  action: string,
  args: readonly unknown[],
  options: AskOptions,
  encoding: Encoding,
): Call {
  const terms = resolveAsk(options)
  checkQueueName(queue)
  const text = encoding === 'msgpack' ? jobValues(action, args) : jobText(action, args)
  return { queue, terms, text, signal: options.signal }
}

/** @param opening called before the exchange is open, where it is opened at all */
export async function makeCall(
  exchanges: Exchanges,
  { queue, terms, text, signal }: Call,
  maxInFlight: number,
  opening: () => void,
): Promise<unknown> {
  if (signal?.aborted) throw cancelled(signal)
  if (exchanges.size >= maxInFlight) {
    throw new TempestError('IN_FLIGHT_FULL', `${maxInFlight} calls wait already (maxInFlight)`)
  }
  opening()
  const full = { ...terms, outbox: exchanges.outbox(queue) }
  let abort: (() => void) | undefined
  try {
    return await new Promise((answered, failed) => {
      const owner: ExchangeOwner = { answered, failed }
      const exchange: Exchange = exchanges.open(owner, full, text)
      abort = () => {
        exchanges.abandon(exchange)
        if (signal) failed(cancelled(signal))
      }
      signal?.addEventListener('abort', abort, { once: true })
    })
  } finally {
    if (abort) signal?.removeEventListener('abort', abort)
  }
}

function cancelled(signal: AbortSignal): TempestError {
  return new TempestError('CANCELLED', 'the call was aborted', { cause: signal.reason })
}
