/** A worker that answers nothing, but stops the Redis that it is given, and says so by a file. What the kit has made cannot be removed there then. */
import { writeFileSync } from 'node:fs'
import { Redis } from 'ioredis'

const redis = new Redis(process.env.TEMPEST_REDIS_URL)
const [, pid] = /process_id:(\d+)/.exec(await redis.info('server'))
process.kill(Number(pid), 'SIGSTOP')
writeFileSync(process.env.STOPPED, '')
