/** The clients of streams, a process of `bench/streams/` each: what `client.c` says of its modes. */

import { spawn, type ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Home } from '../home.js'
import { endProcess } from '../program.js'

export type Mode = 'tokens' | 'slow' | 'first' | 'large' | 'steady'

export class StreamClient {
  readonly #process: ChildProcess
  readonly #lines: AsyncIterator<string>

  private constructor(child: ChildProcess, lines: AsyncIterator<string>) {
    this.#process = child
    this.#lines = lines
  }

  static start(
    home: Home,
    program: string,
    mode: Mode,
    where: { port: number; path: string },
    ...numbers: number[]
  ): StreamClient {
    const args = [mode, String(where.port), where.path, ...numbers.map(String)]
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] })
    home.own(child)
    child.stdin.on('error', () => undefined) // Its end shows as an answer that does not come.
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    return new StreamClient(child, lines)
  }

  /** Its next answer: figures by name. @throws what it says went wrong. */
  async answer(): Promise<Figures> {
    const line = await this.#lines.next()
    if (line.done === true) throw new Error('the client ended without an answer')
    const answer: unknown = JSON.parse(line.value)
    if (typeof answer !== 'object' || answer === null) throw new Error(`no answer: ${line.value}`)
    if ('error' in answer) throw new Error(String(answer.error))
    const fields: Record<string, unknown> = { ...answer }
    return (name) => Number(fields[name])
  }

  /** Counts what comes to streams of tokens meanwhile. */
  run(ms: number): Promise<Figures> {
    this.#process.stdin?.write(`run ${Math.round(ms)}\n`)
    return this.answer()
  }

  stop(): Promise<void> {
    return endProcess(this.#process)
  }
}

export type Figures = (name: string) => number

/** Runs one that ends by itself. */
export async function runClient(...args: Parameters<typeof StreamClient.start>): Promise<Figures> {
  const client = StreamClient.start(...args)
  try {
    return await client.answer()
  } finally {
    await client.stop()
  }
}
