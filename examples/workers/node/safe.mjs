// Pops jobs and answers them; one that dies in its hand goes to another worker (P-70 ff). Needs ioredis, nothing of Tempest.
import { setTimeout as pause } from 'node:timers/promises'
import { run } from './app.mjs'
import { beat, boot, leave, startBeats } from './presence.mjs'
import { connect, queue } from './store.mjs'

const redis = connect()
const beats = startBeats()
const held = `{${queue}}:held:${boot}`
let stopping = false
for (const name of ['SIGINT', 'SIGTERM']) process.on(name, () => (stopping = true))

// Returns when it was told to stop, and holds nothing.
async function work() {
  await beat(redis) // before it pops: what it holds must be found
  for (;;) {
    const raw = await redis.lindexBuffer(held, 0) // what stands here is its own, and nothing else (P-72)
    if (raw !== null) {
      const reply = await run(raw)
      const together = redis.multi()
      if (reply) together.rpush(...reply).expire(reply[0], 21600)
      await together.lrem(held, 1, raw).exec()
    } else if (!stopping) {
      await redis.blmove(queue, held, 'LEFT', 'RIGHT', 2)
    } else return
  }
}

console.log(`safe.mjs works for ${queue}`)
while (!stopping) {
  try {
    await work()
    await leave(redis, beats)
  } catch (error) {
    console.log(error.message)
    await pause(500)
  }
}
process.exit()
