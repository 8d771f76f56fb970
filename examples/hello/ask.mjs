// Any program can ask a worker and wait for the result, or push a job that nobody waits for.
import { createNode } from '@tempest/protocol'

const redis = process.env.REDIS_URL ?? 'redis://localhost'

const node = createNode({ redis })
try {
  const sum = await node.ask('tempest', 'add', [2, 3], { deadlineMs: 2000 })
  console.log(`2 + 3 = ${sum}`)
  const id = await node.push('tempest', 'add', [2, 3])
  console.log(`pushed job ${id}, nobody waits for it`)
} catch (error) {
  console.error(`${error.code}: ${error.message}`) // DEADLINE where no worker runs
  process.exitCode = 1
} finally {
  await node.stop()
}
