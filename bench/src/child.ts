/**
 * A Node process under test: one of the files in `targets/`, started with an IPC channel.
 *
 * It says `{ ready: port }` once, then answers questions: `{ id, question, argument }` brings `{ id, answer }`. A child
 * ends itself when the channel closes, so it cannot outlive the bench.
 */

import { spawn, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import type { Home } from './home.js'
import { endProcess } from './program.js'

const READY_MS = 15_000
const ANSWER_MS = 60_000

interface Asked {
  resolve(answer: unknown): void
  reject(error: Error): void
}

export class Child {
  readonly name: string
  readonly pid: number
  /** The port it listens on; 0 where it is no server. */
  readonly port: number
  readonly #process: ChildProcess
  readonly #asked = new Map<number, Asked>()
  #lastId = 0

  constructor(name: string, child: ChildProcess, pid: number, port: number) {
    this.name = name
    this.pid = pid
    this.port = port
    this.#process = child
    child.on('message', (message) => this.#settle(message))
    child.once('exit', () => {
      for (const asked of this.#asked.values()) asked.reject(new Error(`${name} ended`))
      this.#asked.clear()
    })
  }

  ask(question: string, argument: unknown = null): Promise<unknown> {
    const id = ++this.#lastId
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#asked.delete(id)
        reject(new Error(`${this.name} did not answer "${question}" within ${ANSWER_MS} ms`))
      }, ANSWER_MS)
      const settled = (): void => clearTimeout(timer)
      this.#asked.set(id, {
        resolve: (answer) => (settled(), resolve(answer)),
        reject: (error) => (settled(), reject(error)),
      })
      this.#process.send({ id, question, argument })
    })
  }

  async askNumber(question: string, argument: unknown = null): Promise<number> {
    const answer = await this.ask(question, argument)
    if (typeof answer !== 'number') throw new Error(`${this.name}: "${question}" is not a number`)
    return answer
  }

  stop(): Promise<void> {
    return endProcess(this.#process)
  }

  #settle(message: unknown): void {
    if (typeof message !== 'object' || message === null || !('id' in message)) return
    if (typeof message.id !== 'number') return
    const asked = this.#asked.get(message.id)
    this.#asked.delete(message.id)
    if ('answer' in message) asked?.resolve(message.answer)
    else
      asked?.reject(new Error(`${this.name}: ${'error' in message ? String(message.error) : ''}`))
  }
}

/** Starts `targets/<target>.js` and waits until it is ready. `name` is what its process is called in the table. */
export async function startChild(
  home: Home,
  name: string,
  target: string,
  args: (string | number)[] = [],
): Promise<Child> {
  const script = join(__dirname, 'targets', `${target}.js`)
  const child = spawn(process.execPath, [...home.nodeFlags, script, ...args.map(String)], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  home.own(child)
  const port = await waitUntilReady(target, child)
  if (child.pid === undefined) throw new Error(`${target} has no pid`)
  const started = new Child(name, child, child.pid, port)
  home.onClose(() => started.stop())
  child.once('exit', (code) => {
    if (code !== 0 && code !== null && !home.closing) console.error(`${target} ended with ${code}`)
  })
  return started
}

function waitUntilReady(target: string, child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => {
      child.kill('SIGKILL')
      reject(new Error(`${target} did not start: ${why}`))
    }
    const timer = setTimeout(() => fail(`not ready after ${READY_MS} ms`), READY_MS)
    const onExit = (code: number | null): void => fail(`it ended with ${code ?? 'a signal'}`)
    child.once('exit', onExit)
    child.once('error', (error) => fail(error.message))
    child.once('message', (message) => {
      clearTimeout(timer)
      child.off('exit', onExit)
      if (typeof message === 'object' && 'ready' in message && typeof message.ready === 'number') {
        resolve(message.ready)
      } else fail('its first message was not { ready }')
    })
  })
}
