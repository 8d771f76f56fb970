/** `npm run nodes`: who is here, as a table. */
import { createNode } from '@tempest/protocol'
import { askRedis } from './operator.js'

askRedis('npm run nodes', async (redis) => {
  const node = createNode({ redis: redis.url })
  try {
    const records = await node.nodes()
    const table = records.map(({ boot, role, host, pid, queues, version, started, stats }) => ({
      boot,
      role,
      process: `${host}:${pid}`,
      queues: queues.join(','),
      version,
      started: started > 0 ? new Date(started).toISOString() : '',
      stats: Object.entries(stats)
        .map(([name, value]) => `${name} ${value}`)
        .join(', '),
    }))
    if (table.length === 0) console.log('Nobody is here.')
    else console.table(Object.fromEntries(table.map(({ boot, ...rest }) => [boot, rest])))
  } finally {
    await node.stop()
  }
})
