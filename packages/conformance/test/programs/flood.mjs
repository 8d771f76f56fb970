/** A worker that answers its first jobs, and then pushes the same answer for ever. */
import { Redis } from 'ioredis'

const redis = new Redis(process.env.TEMPEST_REDIS_URL)
for (let n = 0; ; n++) {
  const popped = await redis.blpop(process.env.TEMPEST_QUEUES, 5)
  if (!popped) continue
  const [, , respondTo, id] = JSON.parse(popped[1])
  const answer = JSON.stringify(['answer', id, [200, {}, 'Hello\n']])
  await redis.rpush(respondTo, answer)
  while (n > 5) await redis.rpush(respondTo, ...Array(1000).fill(answer))
}
