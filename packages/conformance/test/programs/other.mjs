/**
 * A worker of nobody's library: ioredis and nothing else, with the application of the kit. LEVEL=safe makes it hold its jobs and beat; with
 * MSGPACK it reads MessagePack as well, and answers in JSON. BREAK names one rule that it breaks.
 */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { setInterval } from 'node:timers'
import { setTimeout as pause } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { Unpackr } from 'msgpackr'

const BEAT_MS = 150
const queue = process.env.TEMPEST_QUEUES ?? 'tempest'
const broken = process.env.BREAK
const safe = process.env.LEVEL === 'safe'
const boot = process.env.ORPHAN ?? randomBytes(8).toString('hex')
const held = `{${queue}}:held:${boot}`
const options = { maxRetriesPerRequest: 0, autoResendUnfulfilledCommands: false }
const connect = () => new Redis(process.env.TEMPEST_REDIS_URL, options).on('error', () => undefined)
const redis = connect()
const popper = connect()
const unpackr = new Unpackr({ useRecords: false, int64AsType: 'auto' })

class Failure extends Error {
  constructor(code, status) {
    super('it failed')
    this.failure = { code, status, message: 'it failed' }
  }
}

function bytesOf(value) {
  if (value === undefined || value === null) return Buffer.alloc(0)
  if (Buffer.isBuffer(value)) return broken === 'bin' ? Buffer.from(value.toString()) : value
  if (typeof value === 'string') return Buffer.from(value, broken === 'bytes' ? 'latin1' : 'utf8')
  const bytes = Buffer.from(value.base64, 'base64')
  if (broken !== 'base64' && bytes.toString('base64') !== value.base64)
    throw new Failure('BAD_REQUEST', 400)
  return bytes
}

async function handle({ method, url, headers, body, meta }) {
  if (broken === 'metadata') void meta.v.toFixed()
  const said = broken === 'url' ? decodeURIComponent(url) : url
  const { pathname, searchParams } = new URL(said, 'http://localhost')
  const plain = { 'content-type': 'text/plain' }
  if (method === 'POST' && pathname === '/echo') {
    const type = { 'content-type': headers['content-type'] ?? 'application/octet-stream' }
    return [200, type, { base64: bytesOf(body).toString('base64') }]
  }
  switch (pathname) {
    case '/':
      return [200, plain, 'Hello\n']
    case '/json':
      return [200, plain, JSON.stringify({ method, name: searchParams.get('name') })]
    case '/cookies': {
      const cookies = ['a=1; Path=/', 'b=2; Path=/']
      return [200, { 'set-cookie': broken === 'cookies' ? cookies.join(', ') : cookies }, '']
    }
    case '/error':
      throw new Failure('HTTP_ERROR', broken === 'failure' ? '409' : 409)
    case '/slow':
      await pause(Number(searchParams.get('ms')))
      return [200, plain, 'slow']
    default:
      return [404, plain, 'not found\n']
  }
}

async function resultOf(action, args) {
  if (action === 'answer' || typeof action !== 'string' || action === '' || !Array.isArray(args))
    throw new Failure('BAD_REQUEST', 400)
  if (action !== 'url') throw new Failure(broken === 'no handler' ? 'OOPS' : 'NO_HANDLER', 501)
  return handle(args[0])
}

function idOf(id) {
  if (broken === 'suffix') return String(id).replace(/\.\d+$/, '')
  if (broken === 'ascii') return String(id).replace(/[^\x20-\x7e]/g, '?')
  return id
}

function read(bytes) {
  const at = bytes.findIndex((byte) => !' \t\r\n'.includes(String.fromCharCode(byte)))
  const isPacked = (bytes[at] & 0xf0) === 0x90 || bytes[at] === 0xdc || bytes[at] === 0xdd
  if (process.env.MSGPACK && isPacked) return unpackr.unpack(bytes.subarray(at))
  return JSON.parse(bytes.toString())
}

async function run(raw) {
  if (broken === 'white space' && /^\s/.test(raw)) return
  let job
  try {
    job = read(raw)
  } catch (error) {
    if (broken === 'malformed') throw error
    return
  }
  if (!Array.isArray(job) || job.length !== 4) return
  const [action, args, respondTo, id] = job
  if (typeof id !== 'string' && (typeof id !== 'number' || broken === 'number')) return
  const nobody = respondTo === null && broken === 'nobody waits'
  const named = broken === 'number as list' ? respondTo?.toString() : respondTo
  const to = nobody ? [...mailboxes][0] : named
  if (typeof to !== 'string' || (broken !== 'brace' && to.startsWith('{'))) return
  mailboxes.add(to)
  let entry
  try {
    entry = ['answer', idOf(id), await resultOf(action, args)]
  } catch (error) {
    if (!(error instanceof Failure) && broken === 'metadata') return
    entry = ['fail', idOf(id), error.failure ?? { message: 'it failed' }]
  }
  const text = JSON.stringify(entry)
  if (broken === 'late reply') await redis.lrem(held, 1, raw)
  const length = await redis
    .rpush(to, ...(broken === 'twice' ? [text, text] : [text]))
    .catch((error) => {
      if (broken === 'full Redis') return
      if (!error.message.startsWith('WRONGTYPE')) throw error
    })
  if (length === 1 && broken !== 'expiry') await redis.expire(to, 21600)
}

const mailboxes = new Set()

async function beat() {
  const [seconds] = await redis.time()
  const at = broken === 'seconds' ? Number(seconds) : Number(seconds) * 1000
  const record = JSON.stringify({ role: 'worker', queues: [queue], patience: 1000 })
  if (broken !== 'record' || !beat.done) await redis.hset('tempest:nodes', boot, record)
  if (broken !== 'beat' || !beat.done) await redis.hincrby('tempest:beats', boot, 1)
  await redis.zadd(`{${queue}}:workers`, at, boot)
  beat.done = true
}

async function popSafely() {
  // What stands at its head was left by a call whose answer was lost, or is new.
  const left = broken === 'removal' ? null : await redis.lindexBuffer(held, 0)
  const from = broken === 'newest held' ? 'RIGHT' : 'LEFT'
  const bytes = left ?? (await popper.blmoveBuffer(queue, held, from, 'RIGHT', 2))
  if (bytes === null) return
  // One that can never be removed is run again and again: not so often that its replies are a flood.
  if (left !== null) await pause(20)
  if (broken === 'hold') await redis.lrem(held, 1, bytes)
  await run(bytes)
  if (broken === 'removal' && !bytes.toString().startsWith('[')) return
  await redis.lrem(held, 1, broken === 'text' ? bytes.toString() : bytes)
}

async function pop() {
  const pops = broken === 'newest' ? 'brpopBuffer' : 'blpopBuffer'
  const found = await popper[pops](queue, broken === 'for ever' ? 0 : 2)
  if (found) await run(found[1])
}

const beats = (ms) => setInterval(() => beat().catch(() => undefined), ms)
if (process.env.ORPHAN) {
  // As one that takes its time to start: longer than the patience.
  await pause(1200)
  beats(BEAT_MS)
  await new Promise(() => undefined)
}
if (safe) {
  // Its first job is answered before anybody can know of it.
  await (broken === 'late' ? popSafely() : beat())
  if (broken === 'orphan') {
    const env = { ...process.env, ORPHAN: boot }
    spawn(process.execPath, process.argv.slice(1), { env, stdio: 'ignore' })
  } else {
    beats(broken === 'slow beats' ? 800 : BEAT_MS).unref()
  }
}
let stopping = false
process.once('SIGTERM', () => (stopping = true))
while (!stopping) {
  try {
    await (safe ? popSafely() : pop())
  } catch (error) {
    if (error instanceof SyntaxError) throw error
    await pause(50)
  }
}
if (safe) await redis.hdel('tempest:nodes', boot)
redis.disconnect()
popper.disconnect()
