/** A worker that starts a process which leaves its group, and holds its stdout, and adds its id to a file. Answers every job. */
import { spawn } from 'node:child_process'
import { appendFileSync } from 'node:fs'
import { Redis } from 'ioredis'

const stays = spawn('sleep', ['60'], { detached: true, stdio: ['ignore', 'inherit', 'inherit'] })
appendFileSync(process.env.STAYS, `${stays.pid} `)
const redis = new Redis(process.env.TEMPEST_REDIS_URL)
for (;;) {
  const popped = await redis.blpop(process.env.TEMPEST_QUEUES, 2)
  if (!popped) continue
  const [, , respondTo, id] = JSON.parse(popped[1])
  await redis.rpush(respondTo, JSON.stringify(['answer', id, [200, {}, 'Hello\n']]))
}
