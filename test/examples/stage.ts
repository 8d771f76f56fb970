/** The programs of examples/stream beside a front, each a process of its own, as a person would start it. */
import { describe } from '@jest/globals'
import { spawnSync } from 'node:child_process'
import { freePort, type Launched, type } from '../../launch/test/launched'
import { describeWithRedis, startTestRedis, type TestRedis } from '../helpers/redis'

/** What starts each of them, in the folder of the repository. */
const programs = {
  node: 'node examples/stream/tokens.mjs',
  chat: 'node examples/stream/chat.mjs',
  python: '/usr/bin/python3 examples/stream/tokens.py',
  bash: 'bash examples/stream/tokens.sh',
} as const

export type Name = keyof typeof programs

/** What a machine may lack, by a command that tells. */
const needs: Partial<Record<Name, string>> = {
  python: `/usr/bin/python3 -c 'import redis'`,
  bash: 'command -v bash jq redis-cli',
}

/** `describe` where this machine has what the program needs, else skipped with the reason in its name; in CI it fails. */
export function describeProgram(name: Name, suite: () => void): void {
  const need = needs[name]
  const lacks = need !== undefined && spawnSync('sh', ['-c', need]).status !== 0
  if (lacks && process.env.CI !== 'true') {
    describe.skip(`${name} (skipped: this fails here: ${need})`, suite)
  } else describeWithRedis(name, suite)
}

export interface Stage {
  redis: TestRedis
  /** Of the front. */
  url: string
  /** Where the front listens for replies; undefined: its mailbox is the only way. */
  direct: string | undefined
  front: Launched
  /** One more worker, when it is ready. @param tokenMs for each token */
  work(name: Name, queue: string, tokenMs: number): Promise<Launched>
  stop(): Promise<void>
}

/** Which way replies take. */
export type Way = 'through the mailbox' | 'straight to the front'

/** A Redis and a front whose first queue is at /, the others at /<name>. */
export async function startStage(way: Way, ...queues: string[]): Promise<Stage> {
  const redis = await startTestRedis()
  const direct = way === 'straight to the front' ? `127.0.0.1:${await freePort()}` : undefined
  const running: Launched[] = []
  const start = (line: string, given: Record<string, string>): Launched => {
    // Not a shell's child: signals are for the program, and its memory is looked at.
    const program = type(`exec ${line}`, { TEMPEST_REDIS_URL: redis.url, ...given })
    running.push(program)
    return program
  }
  const front = start('node launch/dist/front.js', {
    PORT: '0',
    TEMPEST_QUEUES: queues.join(','),
    ...(direct === undefined ? {} : { TEMPEST_DIRECT: direct }),
  })
  await front.says('Ctrl-C ends it')
  return {
    redis,
    url: /http:\/\/localhost:\d+/.exec(front.output())?.[0] ?? '',
    direct,
    front,
    async work(name, queue, tokenMs) {
      const worker = start(programs[name], { TEMPEST_QUEUES: queue, TOKEN_MS: String(tokenMs) })
      await worker.says(`works for ${queue}`)
      return worker
    },
    async stop() {
      for (const program of running) program.signal('SIGKILL')
      await Promise.all(running.map(({ ended }) => ended))
      await redis.stop()
    },
  }
}
