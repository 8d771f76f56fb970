/**
 * What is in Redis and should not be, at a moment when nothing is asked any more: only the records of the living may stay,
 * and for a while what sweepers remember of the dead.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { elementsOf, fieldsOf } from '../helpers/json'
import type { TestRedis } from '../helpers/server'

/**
 * Of which there is one for each queue at the most, or which go by themselves: they must bear a time to live. A mailbox here is that
 * of a front that is gone: were it only paused, it would find its replies.
 */
const passing = [
  /^tempest:gone$/,
  /^tempest:mailbox:/,
  /^tempest:gone$/,
  /^tempest:sweep:/,
  /^\{q\d+\}:budget$/,
  /^\{q\d+\}:history:/,
  /^\{q\d+\}:clock$/,
]

const CLEAN_MS = 12_000
const LOOK_MS = 100

/**
 * One line for each thing that is wrong.
 * @param stats of all nodes that live, as they tell it.
 * @param expected keys that the scenario has made on purpose.
 */
export async function remainsOf(
  redis: TestRedis,
  stats: readonly unknown[],
  expected: readonly string[] = [],
): Promise<string[]> {
  const living = new Set(stats.map((each) => String(fieldsOf(each).boot)))
  const wrong: string[] = []
  for (const key of elementsOf(await redis.cli('KEYS', '*')).map(String)) {
    if (expected.includes(key)) continue
    if (key === 'tempest:nodes' || key === 'tempest:beats') {
      for (const boot of elementsOf(await redis.cli('HKEYS', key)).map(String)) {
        if (!living.has(boot)) wrong.push(`${key} has ${boot}, which is gone`)
      }
    } else if (/^\{q\d+\}:workers$/.test(key)) {
      for (const boot of elementsOf(await redis.cli('ZRANGE', key, 0, -1)).map(String)) {
        if (!living.has(boot)) wrong.push(`${key} has ${boot}, which is gone`)
      }
    } else if (living.has(key.replace('tempest:mailbox:', ''))) {
      wrong.push(`${key} is not read`)
    } else if (passing.some((pattern) => pattern.test(key))) {
      if (Number(await redis.cli('TTL', key)) === -1) wrong.push(`${key} stays for ever`)
    } else {
      wrong.push(`key ${key}`)
    }
  }
  return wrong
}

/** What is wrong, when nothing is any more or some seconds have passed. */
export async function untilNone(wrong: () => Promise<string[]>): Promise<string[]> {
  const deadline = performance.now() + CLEAN_MS
  for (;;) {
    const left = await wrong()
    if (left.length === 0 || performance.now() > deadline) return left
    // Asking costs a dozen commands; others need the cores.
    await pause(LOOK_MS)
  }
}

/** The living that have no record. */
export async function missingOf(redis: TestRedis, stats: readonly unknown[]): Promise<string[]> {
  const present = new Set(elementsOf(await redis.cli('HKEYS', 'tempest:nodes')).map(String))
  const boots = stats.map((each) => String(fieldsOf(each).boot)).filter((boot) => boot !== '')
  return boots.filter((boot) => !present.has(boot)).map((boot) => `${boot} lives without a record`)
}
