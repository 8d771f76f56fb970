/**
 * What Redis loses of jobs it has acknowledged, by its persistence setting: jobs are pushed for a while, Redis is killed (kill -9) and
 * started again, and the queue is compared with what had been acknowledged.
 *
 * The process is killed, not the machine: what Redis has written but not yet synced survives. A power failure loses up to a second more with
 * `everysec`.
 */
import { bringRedis, startRedis } from '@tempest/launch'
import { createNode } from '@tempest/protocol'
import { Redis } from 'ioredis'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Home } from './home.js'
import type { Options } from './options.js'
import { summarize } from './statistics.js'
import { formatSummary, formatTable } from './table.js'

const settings: Record<string, string[]> = {
  'nothing kept': ['--save', ''],
  'a snapshot each second': ['--save', '1 1'],
  'appendfsync everysec': ['--save', '', '--appendonly', 'yes'],
  'appendfsync always': ['--save', '', '--appendonly', 'yes', '--appendfsync', 'always'],
}
const AT_ONCE = 64

interface Loss {
  acknowledged: number
  lost: number
  /** How long before the kill the first lost job was acknowledged. */
  windowMs: number
}

export async function measureDurability(home: Home, options: Options): Promise<boolean> {
  const rounds = options.rounds ?? 3
  const binary = await bringRedis({ note: (line) => console.log(line) })
  const rows: string[][] = []
  for (const [name, args] of Object.entries(settings)) {
    const losses: Loss[] = []
    for (let round = 0; round < rounds; round++) {
      losses.push(await measureLoss(home, binary, args, options.seconds * 1000))
    }
    const of = (field: keyof Loss): string =>
      formatSummary(summarize(losses.map((loss) => loss[field])))
    rows.push([name, of('acknowledged'), of('lost'), of('windowMs')])
  }
  console.log(formatTable(['persistence', 'acknowledged', 'lost', 'lost from, ms before'], rows))
  return true
}

async function measureLoss(
  home: Home,
  binary: Awaited<ReturnType<typeof bringRedis>>,
  args: string[],
  ms: number,
): Promise<Loss> {
  const dir = mkdtempSync(join(tmpdir(), 'tempest-durability-'))
  home.onClose(() => Promise.resolve(rmSync(dir, { recursive: true, force: true })))
  const server = await startRedis({ binary, args, dir })
  home.onClose(() => server.stop())
  const node = createNode({ redis: server.url, redisWaitMs: 100 })
  /** Id → when it was acknowledged. */
  const acknowledged = new Map<string, number>()
  const endAt = performance.now() + ms
  const push = async (): Promise<void> => {
    while (performance.now() < endAt) {
      const id = await node.push('durable', 'x', [1]).catch(() => undefined)
      if (id !== undefined) acknowledged.set(id, performance.now())
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, push))
  const killedAt = performance.now()
  process.kill(server.pid, 'SIGKILL')
  await Promise.all([server.ended, node.stop()])
  const again = await startRedis({ binary, args, dir, port: server.port })
  const client = new Redis(again.url)
  client.on('error', () => undefined)
  const kept = new Set((await client.lrange('durable', 0, -1)).map(idOf))
  client.disconnect()
  await again.stop()
  const lostAt = [...acknowledged].filter(([id]) => !kept.has(id)).map(([, at]) => at)
  return {
    acknowledged: acknowledged.size,
    lost: lostAt.length,
    windowMs: killedAt - lostAt.reduce((first, at) => Math.min(first, at), killedAt),
  }
}

function idOf(job: string): string {
  return /"([^"]*)"\]$/.exec(job)?.[1] ?? ''
}
