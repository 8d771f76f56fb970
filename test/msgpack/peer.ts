/** The other side of MessagePack, in another language: peer.py and peer.rb, each a process of its own. */
import { describe } from '@jest/globals'
import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { describeWithRedis } from '../helpers/redis'

/** What starts each, and a command that fails where something is missing. */
const languages = {
  Python: {
    command: ['/usr/bin/python3', join(__dirname, 'peer.py')],
    need: ['/usr/bin/python3', '-c', 'import msgpack, redis'],
  },
  Ruby: {
    command: ['ruby', join(__dirname, 'peer.rb')],
    need: ['ruby', '-rmsgpack', '-rredis', '-e', '1'],
  },
} as const

export type Language = keyof typeof languages

/** `describe` where the language is here with what it needs, else skipped with the reason in its name; in CI it fails. */
export function describePeer(language: Language, suite: () => void): void {
  const [program, ...args] = languages[language].need
  const lacks = spawnSync(program, args).status !== 0
  if (lacks && process.env.CI !== 'true') {
    describe.skip(`${language} (skipped: this fails here: ${program} ${args.join(' ')})`, suite)
  } else describeWithRedis(language, suite)
}

/** What it says to one question. */
export interface Said {
  hex?: string
  value?: unknown
  error?: string
}

export class Peer {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>
  readonly #lines: Interface
  readonly #waiting: ((line: string) => void)[] = []

  constructor(language: Language, ...more: string[]) {
    const [program, ...args] = languages[language].command
    this.#child = spawn(program, [...args, ...more], { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#lines = createInterface({ input: this.#child.stdout })
    this.#lines.on('line', (line) => this.#waiting.shift()?.(line))
    this.#lines.on('close', () => {
      for (const told of this.#waiting.splice(0)) told('{"error":"it has ended"}')
    })
  }

  /** The next line it prints. */
  line(): Promise<string> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  async ask(question: { pack: unknown } | { unpack: string }): Promise<Said> {
    const line = this.line()
    this.#child.stdin.write(`${JSON.stringify(question)}\n`)
    return JSON.parse(await line) as Said
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const ended = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await ended
  }
}
