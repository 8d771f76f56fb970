/**
 * The clients of a hub: a process of `bench/sub/` that holds the event streams and publishes, so that both ends of a latency are read from
 * one clock.
 *
 * It is told one command at a time and answers each with a line of JSON; `bench/sub/subscribers.c` lists them.
 */

import { spawn, type ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Home } from './home.js'
import { endProcess } from './program.js'

const JOIN_MS = 20_000

/** What publishes one event: bytes for a port, with a run of @ where the data belongs. */
export interface Publication {
  port: number
  message: string
}

/** Events that were published and awaited at every stream. */
export interface Fanout {
  events: number
  deliveries: number
  /** From each write of the publisher to the last delivery of what it wrote, added up. */
  busyMs: number
  wallMs: number
  /** From the write to the stream that got the event last. */
  p50Ms: number
  p99Ms: number
  /** CPU time of the clients themselves. */
  cpuMs: number
  /** In words, empty when every stream got every event once and in order. */
  errors: string[]
}

export interface Streams {
  port: number
  path: string
  count: number
}

type Answer = Record<string, unknown>

export class Subscribers {
  readonly #process: ChildProcess
  readonly #lines: AsyncIterator<string>

  private constructor(child: ChildProcess, lines: AsyncIterator<string>) {
    this.#process = child
    this.#lines = lines
  }

  /** Resolves when every stream has its head. */
  static async open(home: Home, program: string, streams: Streams): Promise<Subscribers> {
    const { port, path, count } = streams
    const child = spawn(program, [String(port), path, String(count)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    home.own(child)
    child.stdin.on('error', () => undefined) // Its end shows as an answer that does not come.
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    const subscribers = new Subscribers(child, lines)
    await subscribers.#answer('opening the streams')
    return subscribers
  }

  async publishBy({ port, message }: Publication): Promise<void> {
    const escaped = message.replaceAll('\r', '\\r').replaceAll('\n', '\\n')
    await this.#ask(`publish ${port} ${escaped}`)
  }

  /** Resolves when an event has reached every stream: only then are all of them subscribed for certain. */
  async join(): Promise<void> {
    const answer = await this.#ask(`join ${JOIN_MS}`)
    if (answer['joined'] !== true) {
      const { missing, lost, replied } = answer
      const what = `${String(missing)} streams got nothing, ${String(lost)} ended`
      throw new Error(`${what}; the publisher's last reply: ${String(replied)}`)
    }
  }

  /** Publishes so many events at once, waits for the last stream, and again until the time is over. */
  async run(events: number, ms: number): Promise<Fanout> {
    const answer = await this.#ask(`run ${events} ${Math.round(ms)}`)
    const figure = (name: string): number => Number(answer[name])
    const wrong = ['missing', 'lost', 'disorder'].filter((name) => figure(name) !== 0)
    const errors = wrong.map((name) => `${name}: ${figure(name)}`)
    if (figure('missing') > 0) errors.push(`last reply: ${String(answer['replied'])}`)
    return {
      events: figure('events'),
      deliveries: figure('deliveries'),
      busyMs: figure('busyMs'),
      wallMs: figure('wallMs'),
      p50Ms: figure('p50Ms'),
      p99Ms: figure('p99Ms'),
      cpuMs: figure('cpuMs'),
      errors,
    }
  }

  stop(): Promise<void> {
    return endProcess(this.#process)
  }

  #ask(command: string): Promise<Answer> {
    this.#process.stdin?.write(`${command}\n`)
    return this.#answer(command)
  }

  async #answer(to: string): Promise<Answer> {
    const line = await this.#lines.next()
    if (line.done === true) throw new Error(`the subscribers ended: ${to}`)
    const answer: unknown = JSON.parse(line.value)
    if (typeof answer !== 'object' || answer === null) throw new Error(`no answer to ${to}`)
    if ('error' in answer) throw new Error(`${String(answer.error)}: ${to}`)
    return { ...answer }
  }
}
