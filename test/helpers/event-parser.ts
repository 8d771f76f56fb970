/** Parses an event stream as WHATWG HTML says (9.2.6), whatever the chunks it comes in; pure, and no code of ours is in it. */

interface Block {
  /** Of this block; undefined where it had none, or one that is to be ignored. */
  id: string | undefined
  /** 'message' where it had no name. */
  event: string
  /** Undefined: nothing is dispatched. */
  data: string | undefined
}

export interface BlockHandlers {
  block(block: Block): void
  comment(text: string): void
  retry(ms: number): void
}

/** For one connection; the next one needs a new one. */
export class EventParser {
  // It drops a byte order mark at the beginning, and makes U+FFFD of what is no UTF-8.
  readonly #decoder = new TextDecoder()
  readonly #handlers: BlockHandlers
  /** The line that has not ended. */
  #rest = ''
  /** A line ended with CR at the end of a chunk: a LF that follows belongs to it. */
  #afterCr = false
  #id: string | undefined
  #event = ''
  #data: string[] = []

  constructor(handlers: BlockHandlers) {
    this.#handlers = handlers
  }

  push(bytes: Uint8Array): void {
    let text = this.#decoder.decode(bytes, { stream: true })
    if (text === '') return
    if (this.#afterCr && text.startsWith('\n')) text = text.slice(1)
    this.#afterCr = text.endsWith('\r')
    const lines = (this.#rest + text).split(/\r\n|\r|\n/)
    this.#rest = lines.pop() ?? ''
    for (const line of lines) this.#take(line)
  }

  #take(line: string): void {
    if (line === '') {
      this.#dispatch()
      return
    }
    const colon = line.indexOf(':')
    if (colon === 0) {
      this.#handlers.comment(line.slice(1))
      return
    }
    const field = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (field === 'event') this.#event = value
    else if (field === 'data') this.#data.push(value)
    else if (field === 'id' && !value.includes('\0')) this.#id = value
    else if (field === 'retry' && /^[0-9]+$/.test(value)) this.#handlers.retry(Number(value))
  }

  #dispatch(): void {
    const data = this.#data.length > 0 ? this.#data.join('\n') : undefined
    const block = { id: this.#id, event: this.#event || 'message', data }
    this.#id = undefined
    this.#event = ''
    this.#data = []
    this.#handlers.block(block)
  }
}
