/** What the bench was asked to do: suite and options of the command line, checked once. */

import { parseArgs } from 'node:util'

const suites = [
  ...([
    'compare',
    'growth',
    'million',
    'durability',
    'encodings',
    'sub',
    'streams',
    'languages',
  ] as const),
  'all',
] as const
type Suite = (typeof suites)[number]

export interface Options {
  suite: Suite
  /** Undefined: what the suite finds enough. */
  rounds: number | undefined
  /** Seconds each cell is measured. */
  seconds: number
  connections: number[]
  /** Event streams, sub only. Undefined: what it finds enough. */
  subscribers: number[] | undefined
  /** Events published at once, sub only. */
  burst: number
  /** Names of targets; empty means all. */
  only: string[]
  quick: boolean
  /** `own`: do not use wrk even where it is installed. */
  load: string | undefined
  /** Name of the target to profile instead of comparing. */
  profile: string | undefined
}

export const usage = `npm run bench -- [suite] [options]

  compare           the table of all targets (what runs when no suite is named)
  growth            cost that must not grow: 100,000 jobs waiting, 10,000 requests held open
  million           memory and keys before and after a million requests
  durability        what a killed Redis loses of acknowledged jobs, by its persistence setting
  sub               events to many subscribers, beside Nchan
  encodings         MessagePack beside JSON: bodies small and large, text and binary
  streams           replies in pieces: tokens, first bytes, large bodies, memory, slow clients
  languages         one worker in each of nine languages, beside its usual HTTP server behind nginx
  all               all of these, one after the other

  --quick           about a minute for compare: 2 rounds of 1 second; the others are smaller, too
  --rounds 5        how often each cell is measured; compare, growth, encodings, sub, streams and languages
  --seconds 3       how long; in sub a sixth of it for each phase
  --connections 1,16,64,256
  --subscribers 1000,4000,15000   of sub
  --burst 20        events published at once; of sub
  --only bare,tempest1            in sub: tempest,nchan1,nchan2
                                  in languages: tempest,python,ruby,php,perl,lua,go,c,bash,node
                                  in streams: tokens,first,large,memory,isolation; node,nginx,mailbox,direct
  --load own        our own load generator instead of wrk
  --profile tempest1  one cell of that target under the CPU profiler, with its top functions`

/** @returns undefined where help was asked for. @throws TypeError with the option and what it may be. */
export function readOptions(args: readonly string[]): Options | undefined {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      connections: { type: 'string' },
      subscribers: { type: 'string' },
      burst: { type: 'string', default: '20' },
      only: { type: 'string' },
      quick: { type: 'boolean', default: false },
      load: { type: 'string' },
      profile: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return undefined
  const { quick, load, profile } = values
  if (load !== undefined && load !== 'own' && load !== 'wrk') {
    throw new TypeError('--load: wrk or own')
  }
  return {
    suite: toSuite(positionals[0] ?? 'compare'),
    rounds: values.rounds === undefined ? undefined : toCount('--rounds', values.rounds),
    seconds: toCount('--seconds', values.seconds ?? (quick ? '1' : '3')),
    connections: toList(values.connections ?? (profile ? '64' : '1,16,64,256')).map((text) =>
      toCount('--connections', text),
    ),
    subscribers: values.subscribers
      ? toList(values.subscribers).map((text) => toCount('--subscribers', text))
      : undefined,
    burst: toCount('--burst', values.burst),
    only: toList(values.only ?? ''),
    quick,
    load,
    profile,
  }
}

function toSuite(text: string): Suite {
  const suite = suites.find((name) => name === text)
  if (suite === undefined) throw new TypeError(`${text}: no such suite\n\n${usage}`)
  return suite
}

function toCount(option: string, text: string): number {
  const count = Number(text)
  if (!Number.isSafeInteger(count) || count < 1)
    throw new TypeError(`${option}: a whole number from 1`)
  return count
}

function toList(text: string): string[] {
  return text.split(',').filter((item) => item !== '')
}
