// The way to Redis, as the environment gives it.
import { Redis } from 'ioredis'
import { unescape } from 'node:querystring'

// redis://[[user]:password@]host[:port][/db]
const form =
  /^redis:\/\/(?:((?:[^%:@/]|%[\da-f]{2})*):((?:[^%@/]|%[\da-f]{2})*)@)?([\w.-]+|\[[\da-f:.]+\])(?::(\d{1,5}))?(?:\/(\d{0,5}))?$/i

function refuse(why) {
  console.error(why)
  process.exit(1)
}

export const queue = process.env.TEMPEST_QUEUES || 'tempest'
if (queue.includes(',')) refuse('TEMPEST_QUEUES: this worker serves one queue, and takes no comma')
const url = form.exec(process.env.TEMPEST_REDIS_URL || 'redis://localhost')
if (!url || url[4] > 65535)
  refuse('TEMPEST_REDIS_URL: it is not of the form redis://[[user]:password@]host[:port][/db]')
const [, user = '', password = '', host, port = 6379, db = 0] = url

const options = {
  host: host.replace(/[[\]]/g, ''),
  port: Number(port),
  db: Number(db),
  username: unescape(user),
  password: unescape(password),
  // A client that repeats a command by itself pops two jobs and tells of one (P-61).
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
  blockingTimeout: 5000,
}

export function connect() {
  return new Redis(options).on('error', () => {}) // what is asked of it fails as well
}
