/**
 * From the bytes of a Redis client to its commands: arrays of bulk strings, and inline commands. Pure.
 *
 * What has come and is no whole command yet lies in one buffer, which at most doubles; nothing is ever allocated by a length that
 * a client declared. The arguments given out are parts of that buffer: who keeps one for long keeps its neighbours too.
 * Requests are flat, so it never recurses; a whole command is bounded by its caller, who looks at `bytes`.
 */

export interface ParserLimits {
  maxArgs: number
  maxBulkBytes: number
  maxInlineBytes: number
}

/** Its message is fit to be sent to the client, behind `-ERR Protocol error: `. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError'
}

const [TAB, LF, CR, SPACE] = [0x09, 0x0a, 0x0d, 0x20] as const
const [DOUBLE_QUOTE, SINGLE_QUOTE, BACKSLASH] = [0x22, 0x27, 0x5c] as const
const [DOLLAR, STAR, MINUS, ZERO] = [0x24, 0x2a, 0x2d, 0x30] as const

const MAX_DIGITS = 10
/** No length: what it depends on has not come. */
const UNKNOWN = -1
const NULL_ARRAY = Buffer.from('*-1\r\n')
const nothing = Buffer.alloc(0)
const escapes = new Map(Object.entries({ n: '\n', r: '\r', t: '\t', b: '\b', a: '\x07' }))

export class CommandParser {
  /** May be exchanged at any time: they hold for every length that is read from then on. */
  limits: ParserLimits
  /** Bytes from `#start` to `#end` are held; behind them there may be room. */
  #buffer: Buffer = nothing
  #start = 0
  #end = 0
  /** Where the next element begins. This, like all that is known of a command, counts from its start: the buffer may be exchanged. */
  #at = 0
  #count = UNKNOWN
  #bulk = UNKNOWN
  /** Start and end of each argument. */
  #cuts: number[] = []
  #dead: ProtocolError | undefined

  constructor(limits: ParserLimits) {
    this.limits = limits
  }

  /** Received and not yet given out. */
  get bytes(): number {
    return this.#end - this.#start
  }

  /** The chunk is the parser's from now on: nobody may write to it. */
  feed(chunk: Buffer): void {
    if (this.#dead !== undefined || chunk.length === 0) return
    if (this.#start === this.#end) this.#hold(chunk)
    else this.#append(chunk)
  }

  /**
   * The next whole command, of at least one argument; undefined: more bytes are needed.
   * @throws ProtocolError, then and from then on; nothing is held any more.
   */
  next(): Buffer[] | undefined {
    if (this.#dead !== undefined) throw this.#dead
    while (this.#start < this.#end) {
      const command = this.#buffer[this.#start] === STAR ? this.#array() : this.#inline()
      if (command === undefined) break
      if (command.length > 0) return command
    }
    this.#release()
    return undefined
  }

  #hold(buffer: Buffer): void {
    this.#buffer = buffer
    this.#start = 0
    this.#end = buffer.length
  }

  #append(chunk: Buffer): void {
    const { bytes } = this
    if (this.#end + chunk.length > this.#buffer.length) {
      // Twice as much, so that however small the chunks are, each byte is copied a few times only.
      const grown = Buffer.allocUnsafeSlow(Math.max(bytes + chunk.length, 2 * bytes))
      this.#buffer.copy(grown, 0, this.#start, this.#end)
      this.#hold(grown)
      this.#end = bytes
    }
    this.#end += chunk.copy(this.#buffer, this.#end)
  }

  /** A few bytes must not keep a large buffer. */
  #release(): void {
    const { bytes } = this
    if (this.#start === 0 || 2 * bytes >= this.#buffer.length) return
    const rest = bytes === 0 ? nothing : Buffer.allocUnsafeSlow(bytes)
    this.#buffer.copy(rest, 0, this.#start, this.#end)
    this.#hold(rest)
  }

  /** @returns empty where the array is. */
  #array(): Buffer[] | undefined {
    if (this.#count === UNKNOWN) {
      if (this.#buffer[this.#start + 1] === MINUS) return this.#nullArray()
      this.#count = this.#length(this.limits.maxArgs, 'multibulk')
      if (this.#count === UNKNOWN) return undefined
    }
    while (this.#cuts.length < 2 * this.#count) if (!this.#element()) return undefined
    const from = this.#start
    const args: Buffer[] = []
    for (let i = 0; i < this.#cuts.length; i += 2) {
      args.push(this.#buffer.subarray(from + this.#cut(i), from + this.#cut(i + 1)))
    }
    this.#taken(this.#at)
    return args
  }

  #cut(index: number): number {
    return this.#cuts[index] ?? 0
  }

  #nullArray(): Buffer[] | undefined {
    const length = Math.min(this.bytes, NULL_ARRAY.length)
    const held = this.#buffer.subarray(this.#start, this.#start + length)
    if (!held.equals(NULL_ARRAY.subarray(0, length))) this.#fail('invalid multibulk length')
    if (length < NULL_ARRAY.length) return undefined
    this.#taken(length)
    return []
  }

  /** @returns whether a whole one was there. */
  #element(): boolean {
    if (this.#bulk === UNKNOWN) {
      const mark = this.#start + this.#at
      if (mark >= this.#end) return false
      if (this.#buffer[mark] !== DOLLAR) {
        const got = this.#buffer.toString('ascii', mark, mark + 1)
        this.#fail(`expected '$', got ${JSON.stringify(got)}`)
      }
      this.#bulk = this.#length(this.limits.maxBulkBytes, 'bulk')
      if (this.#bulk === UNKNOWN) return false
    }
    const to = this.#at + this.#bulk
    const end = this.#start + to
    if (end + 2 > this.#end) return false
    if (this.#buffer[end] !== CR || this.#buffer[end + 1] !== LF) {
      this.#fail('a bulk is not as long as it was said to be')
    }
    this.#cuts.push(this.#at, to)
    this.#at = to + 2
    this.#bulk = UNKNOWN
    return true
  }

  /** The number between the mark at `#at` and the end of its line, which `#at` is moved behind. */
  #length(max: number, what: 'multibulk' | 'bulk'): number {
    const first = this.#start + this.#at + 1
    let value = 0
    let at = first
    for (; at < this.#end && this.#buffer[at] !== CR; at++) {
      const digit = (this.#buffer[at] ?? 0) - ZERO
      value = value * 10 + digit
      // At once, not at the end of a line that may never come.
      const fits = digit >= 0 && digit <= 9 && value <= max && at < first + MAX_DIGITS
      if (!fits) this.#fail(`invalid ${what} length`)
    }
    if (at + 1 >= this.#end) return UNKNOWN
    if (at === first || this.#buffer[at + 1] !== LF) this.#fail(`invalid ${what} length`)
    this.#at = at + 2 - this.#start
    return value
  }

  /** `#at` is how far its end was looked for. @returns empty where the line is. */
  #inline(): Buffer[] | undefined {
    const { maxArgs, maxInlineBytes } = this.limits
    const held = this.#buffer.subarray(this.#start, this.#end)
    const length = held.indexOf(LF, this.#at)
    if ((length < 0 ? held.length : length) > maxInlineBytes) this.#fail('too big inline request')
    if (length < 0) {
      this.#at = held.length
      return undefined
    }
    const args = splitLine(held.subarray(0, length))
    if (args === undefined) this.#fail('unbalanced quotes in request')
    if (args.length > maxArgs) this.#fail('too many arguments in inline request')
    this.#taken(length + 1)
    return args
  }

  #taken(length: number): void {
    this.#start += length
    this.#at = 0
    this.#count = this.#bulk = UNKNOWN
    this.#cuts.length = 0
  }

  #fail(message: string): never {
    this.#hold(nothing)
    this.#taken(0)
    this.#dead = new ProtocolError(message)
    throw this.#dead
  }
}

/** Words of a line, with quotes and escapes as redis-cli has them. @returns undefined where the quotes do not match. */
function splitLine(line: Buffer): Buffer[] | undefined {
  // What is decoded is never longer.
  const out = Buffer.allocUnsafe(line.length)
  const args: Buffer[] = []
  let to = 0
  for (let at = 0; at < line.length; at++) {
    if (isSpace(line[at])) continue
    const from = to
    while (!isSpace(line[at])) {
      const byte = line[at++] ?? 0
      if (byte !== DOUBLE_QUOTE && byte !== SINGLE_QUOTE) {
        out[to++] = byte
        continue
      }
      while (line[at] !== byte) {
        if (at >= line.length) return undefined
        const [value, length] = quoted(line, at, byte)
        out[to++] = value
        at += length
      }
      if (!isSpace(line[++at])) return undefined
    }
    args.push(out.subarray(from, to))
  }
  return args
}

/** The byte that is meant within these quotes, and how many say so. */
function quoted(line: Buffer, at: number, quote: number): [value: number, length: number] {
  const byte = line[at] ?? 0
  const next = line[at + 1]
  if (byte !== BACKSLASH || next === undefined) return [byte, 1]
  if (quote === SINGLE_QUOTE) return next === SINGLE_QUOTE ? [next, 2] : [byte, 1]
  const text = line.toString('latin1', at + 1, at + 4)
  if (/^x[0-9a-f]{2}$/i.test(text)) return [parseInt(text.slice(1), 16), 4]
  return [escapes.get(text.charAt(0))?.charCodeAt(0) ?? next, 2]
}

/** The end of the line counts as one. */
function isSpace(byte: number | undefined): boolean {
  return byte === SPACE || byte === TAB || byte === CR || byte === undefined
}
