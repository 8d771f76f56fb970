/**
 * A worker that takes the newest job first, and of whose last call Redis hears late that it was killed: the call is made by a process that
 * outlives it, and is served once more.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { Redis } from 'ioredis'

const connectionName = `lingers-${process.env.LINGERS ?? process.pid}`
const redis = new Redis(process.env.TEMPEST_REDIS_URL, { connectionName })
if (process.env.LINGERS) {
  const over = () => process.exit()
  let told = true
  process.on('disconnect', () => setTimeout(over, told ? 10_000 : 0))
  for (;;) {
    const [, job] = await redis.brpop(process.env.TEMPEST_QUEUES, 0)
    if (!process.connected) over()
    told = false
    process.send(job)
    // It may not know yet that nobody is there.
    await once(process, 'message')
    told = true
  }
}

const env = { ...process.env, LINGERS: process.pid }
const stdio = ['ignore', 'ignore', 'ignore', 'ipc']
const popper = spawn(process.execPath, process.argv.slice(1), { detached: true, stdio, env })
let taken = 0

/** Redis has its next call, or has served it already. */
async function untilCalled(nth) {
  const blocked = new RegExp(`name=${connectionName} .* flags=b`)
  while (nth === taken && !blocked.test(await redis.client('LIST'))) await pause(1)
}

popper.on('message', async (job) => {
  const nth = ++taken
  popper.send('next')
  await untilCalled(nth)
  const [, , respondTo, id] = JSON.parse(job)
  if (respondTo) await redis.rpush(respondTo, JSON.stringify(['answer', id, [200, {}, 'Hello\n']]))
})
