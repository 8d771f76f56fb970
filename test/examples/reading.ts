/** A response as it is read, piece by piece, by fetch: what any client has. */
import { until } from '../helpers/until'

export interface Reading {
  readonly status: number
  readonly headers: Headers
  /** What has come so far. */
  readonly text: string
  /** How it ended: of itself, or broken off. Undefined while it goes on. */
  readonly end: 'whole' | 'cut' | undefined
  /** Resolves when this has come. @throws where it ends without. */
  hears(text: string): Promise<void>
  /** Resolves all of it, which must be whole. */
  whole(): Promise<string>
  leave(): void
}

export async function read(url: string, init: RequestInit = {}): Promise<Reading> {
  const left = new AbortController()
  const response = await fetch(url, { ...init, signal: left.signal })
  let text = ''
  let end: Reading['end']
  const decoder = new TextDecoder()
  const drain = async (): Promise<void> => {
    const body: AsyncIterable<Uint8Array> | null = response.body
    for await (const piece of body ?? []) text += decoder.decode(piece, { stream: true })
  }
  const drained = drain().then(
    () => (end = 'whole'),
    () => (end = 'cut'),
  )
  return {
    status: response.status,
    headers: response.headers,
    get text() {
      return text
    },
    get end() {
      return end
    },
    async hears(expected) {
      await until(() => text.includes(expected) || end !== undefined, 10_000)
      if (!text.includes(expected)) throw new Error(`${String(end)} before ${expected}: ${text}`)
    },
    async whole() {
      if ((await drained) === 'cut') throw new Error(`cut behind ${text}`)
      return text
    },
    leave: () => left.abort(),
  }
}
