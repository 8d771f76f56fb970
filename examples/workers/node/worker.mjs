// Pops jobs and answers them, at most once: the job in its hand dies with it. Needs ioredis, nothing of Tempest.
import { setTimeout as pause } from 'node:timers/promises'
import { run } from './app.mjs'
import { connect, queue } from './store.mjs'

const redis = connect()
console.log(`worker.mjs works for ${queue}`)
for (;;) {
  try {
    const popped = await redis.blpopBuffer(`{${queue}}:high`, queue, `{${queue}}:low`, 3)
    const reply = popped && (await run(popped[1]))
    if (!reply) continue
    // A new list: its reader may be gone for good (P-47).
    if ((await redis.rpush(...reply)) === 1) await redis.expire(reply[0], 21600)
  } catch (error) {
    console.log(error.message)
    await pause(500)
  }
}
