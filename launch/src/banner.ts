/**
 * What `npm start` prints when everything runs: what runs where, and commands to try. Every command
 * works as printed, in a shell in the folder where `npm start` was given; what needs a program this
 * machine lacks is left out. No passwords.
 */
import { quote } from './shell.js'

export interface Running {
  url: string
  front: { pid: number; queues: readonly [string, ...string[]]; sub: boolean }
  workers: { pids: readonly number[]; concurrency: number }
  redis: {
    /** Undefined: somebody else's. */
    pid: number | undefined
    /** Without its password. */
    shown: string
    version: string
    origin: string
  }
  commands: {
    /** What reaches this Redis, e.g. `redis-cli -p 4711`; undefined: there is no client here. */
    cli: string | undefined
    /** What starts one more worker. */
    worker: string
    /** A variable these two need, which cannot be printed. */
    secret: string | undefined
  }
  /** Whether this machine has a program of that name. */
  has: (program: string) => boolean
}

const LABEL = 9
const PID = 11

export function makeBanner(running: Running): string {
  const { url, front, workers, redis } = running
  const { secret } = running.commands
  const row = (label: string, pid: number | undefined, text: string): string =>
    `  ${label.padEnd(LABEL)}${(pid === undefined ? '' : `pid ${pid}`).padEnd(PID)}${text}`
  return [
    '',
    'Tempest is up. Ctrl-C ends it.',
    '',
    row('front', front.pid, `${url} → queue ${front.queues.join(', ')}`),
    ...workers.pids.map((pid) => row('worker', pid, `Node, ${workers.concurrency} jobs at a time`)),
    row('Redis', redis.pid, `${redis.shown}, ${redis.version}, ${redis.origin}`),
    '',
    `To try, in another terminal${secret === undefined ? '' : ` where ${secret} is set as here`}:`,
    '',
    ...listCommands(running).map((command) => `  ${command}`),
    '',
  ].join('\n')
}

function listCommands({ url, front, commands: { cli, worker }, has }: Running): string[] {
  const curl = [
    `curl ${url}/hello`,
    `curl -d 'any text' ${url}/`,
    `curl '${url}/slow?ms=500'`,
    `curl -i ${url}/gone`,
    `curl -N ${url}/stream`,
  ]
  const ask = [
    `${cli} RPUSH ${quote(front.queues[0])} '["add",[2,3],"answers","job-1"]'`,
    `${cli} BLPOP answers 3`,
  ]
  const events = [
    ...(has('curl') ? [`curl -N ${url}/sub/test`] : []),
    ...(cli === undefined
      ? []
      : [
          `${cli} PUBLISH test '["Bob"]'`,
          `${cli} XADD tempest:events MAXLEN '~' 100000 '*' channel test data '["Bob"]'`,
        ]),
  ]
  return [
    ...(has('curl') ? curl : []),
    ...(cli === undefined ? [] : ask),
    ...(front.sub ? events : []),
    worker,
    ...(has('siege') ? [`siege -b -c 64 -t 10S ${url}/`] : []),
  ]
}
