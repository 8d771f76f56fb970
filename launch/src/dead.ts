/**
 * `npm run dead -- list|show|requeue|drop <queue> [key|all]`: what a queue keeps of jobs that used up their attempts, and of
 * entries that could not be decoded.
 */
import { createNode, type DeadJob, type DeadList, decodeJob, encodeBytes } from '@tempest/protocol'
import { askRedis } from './operator.js'
import { Refusal } from './refusal.js'

const USAGE = `Usage: npm run dead -- list <queue>
       npm run dead -- show <queue> <key>
       npm run dead -- requeue <queue> <key>|all
       npm run dead -- drop <queue> <key>|all`

const [verb, queue, key] = process.argv.slice(2)

askRedis('npm run dead', async (redis) => {
  if (queue === undefined) throw new Refusal(USAGE)
  const node = createNode({ redis: redis.url })
  try {
    await answer(deadListOf(node, queue))
  } finally {
    await node.stop()
  }
})

function deadListOf(node: ReturnType<typeof createNode>, name: string): DeadList {
  try {
    return node.dead(name)
  } catch (error) {
    throw new Refusal(error instanceof Error ? error.message : USAGE, { cause: error })
  }
}

async function answer(dead: DeadList): Promise<void> {
  if (verb === 'list') {
    const jobs = await dead.list(1000)
    for (const job of jobs) console.log(lineOf(job))
    if (jobs.length === 0) console.log('Nothing is dead here.')
    return
  }
  if (key === undefined || (verb !== 'show' && verb !== 'requeue' && verb !== 'drop')) {
    throw new Refusal(USAGE)
  }
  if (verb === 'show') {
    const job = await dead.show(key)
    if (!job) throw new Refusal(`There is no ${key}.`)
    console.log(JSON.stringify(readable(job), inJson, 2))
    return
  }
  const keys = key === 'all' ? (await dead.list(1000)).map((job) => job.key) : [key]
  let count = 0
  for (const each of keys) if (await dead[verb](each)) count++
  if (key !== 'all' && count === 0) throw new Refusal(`There is no ${key}.`)
  console.log(`${verb === 'drop' ? 'Dropped' : 'Requeued'} ${count}.`)
}

/** Of a job that is no text also what it says. */
function readable(entry: DeadJob): object {
  if (typeof entry.job === 'string') return entry
  const wire = decodeJob(Buffer.from(entry.job.base64, 'base64'))
  return 'malformed' in wire ? { ...entry, malformed: wire.malformed } : { ...entry, says: wire }
}

/** Bytes and large numbers as JSON can show them. */
function inJson(this: Record<string, unknown>, key: string, value: unknown): unknown {
  const { [key]: given } = this
  if (Buffer.isBuffer(given)) return encodeBytes(given)
  return typeof value === 'bigint' ? String(value) : value
}

function lineOf({ key: name, reason, at, history, action, id }: DeadJob): string {
  const when = at === undefined ? '' : new Date(at).toISOString()
  return [name, reason, when, `${history.length} strikes`, action ?? '', id ?? ''].join('  ')
}
