/** One front and one Redis for workers of examples/workers, each a process with a queue of its own. */
import { createFront } from '@tempest/front'
import connect from 'connect'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { startTestRedis, type TestRedis } from '../helpers/redis'
import { until } from '../helpers/until'
import { commandFor, type Kind, type Name, titleOf } from './languages'

interface Hand {
  /** To this process alone, not to what it has started. */
  kill(signal: NodeJS.Signals): void
  /** To its whole group, as a terminal does. */
  ctrlC(): void
  /** Its exit code, or the signal's name that ended it. */
  readonly ended: Promise<number | string>
}

/** A queue, and the worker it has. */
export interface Post {
  readonly name: Name
  readonly kind: Kind
  readonly queue: string
  /** What the worker calls its language. */
  readonly title: string
  readonly redis: Pick<TestRedis, 'cli'>
  ask(target: string, init?: RequestInit): Promise<Response>
  /** Starts a worker; resolves when it says that it works. */
  hire(): Promise<void>
  /** The worker that was started last. */
  hand(): Hand
}

export interface Workplace {
  readonly redis: TestRedis
  post(name: Name, kind: Kind, queue: string): Post
  close(): Promise<void>
}

export async function openWorkplace(): Promise<Workplace> {
  const redis = await startTestRedis()
  const client = redis.client()
  const front = createFront({ redis: redis.url, drainMs: 0 })
  const app = connect()
  const server = createServer(app)
  front.attach(server)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const running = new Set<ChildProcess>()

  const start = async (name: Name, kind: Kind, queue: string): Promise<Hand> => {
    const [command, args] = await commandFor(name, kind)
    const child = spawn(command, args, {
      // Whatever a person's locale is: what workers read and write is UTF-8.
      env: { ...process.env, LC_ALL: 'C', TEMPEST_REDIS_URL: redis.url, TEMPEST_QUEUES: queue },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    running.add(child)
    let output = ''
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => (output += text))
    const ended = new Promise<number | string>((resolve) => {
      child.once('exit', (code, signal) => {
        running.delete(child)
        // What it has started may outlive it, wrongly: the tests end nevertheless.
        child.stdout.destroy()
        child.stderr.destroy()
        resolve(code ?? String(signal))
      })
    })
    await until(() => {
      if (!running.has(child)) throw new Error(`${command} ${args.join(' ')} ended: ${output}`)
      return output.includes(`works for ${queue}`)
    }, 20_000)
    return {
      kill: (signal) => void child.kill(signal),
      ctrlC: () => void process.kill(-(child.pid ?? NaN), 'SIGINT'),
      ended,
    }
  }

  return {
    redis,
    post(name, kind, queue) {
      app.use(`/${queue}`, front.work(queue))
      let hand: Hand | undefined
      return {
        name,
        kind,
        queue,
        title: titleOf(name),
        redis: { cli: (command, ...args) => client.call(command, ...args) },
        ask: (target, init) => fetch(`http://127.0.0.1:${port}/${queue}${target}`, init),
        async hire() {
          hand = await start(name, kind, queue)
        },
        hand() {
          if (!hand) throw new Error(`nobody works for ${queue}`)
          return hand
        },
      }
    },
    async close() {
      for (const child of running) child.kill('SIGKILL')
      await until(() => running.size === 0)
      await front.stop()
      server.close()
      server.closeAllConnections()
      await redis.stop()
    },
  }
}
