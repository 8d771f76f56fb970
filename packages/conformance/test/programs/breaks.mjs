/**
 * Fronts that break one rule each: our front, with what it writes into Redis and what it reads there changed on the way.
 */
import { Redis } from 'ioredis'
import { createRequire } from 'node:module'

/** Of jobs: [action, args, respond_to, id] → the same, spoilt. */
const jobs = {
  'five elements': (job) => [...job, 'more'],
  'names of headers in capitals': ([, [request], ...rest]) => {
    const headers = Object.entries(request.headers).map(([name, value]) => [upper(name), value])
    return ['url', [{ ...request, headers: Object.fromEntries(headers) }], ...rest]
  },
  'bytes as text': ([, [request], ...rest]) => {
    const { body } = request
    const text = body?.base64 === undefined ? body : Buffer.from(body.base64, 'base64').toString()
    return ['url', [{ ...request, body: text }], ...rest]
  },
  'metadata from a header': ([, [request], ...rest]) => {
    const meta = { ...request.meta, ...JSON.parse(request.headers.meta ?? '{}') }
    return ['url', [{ ...request, meta }], ...rest]
  },
  'a deadline in seconds': ([, [request], ...rest]) => {
    const meta = { ...request.meta, deadline: Math.round(request.meta.deadline / 1000) }
    return ['url', [{ ...request, meta }], ...rest]
  },
  'an epoch of its own': ([, [request], ...rest]) => {
    return ['url', [{ ...request, meta: { ...request.meta, epoch: 'now' } }], ...rest]
  },
}

const counts = new Map()

/** Of entries: [verb, id, …] → the same, as a front that breaks the rule takes it. */
const entries = {
  'any status': ([verb, id, third, ...rest]) => {
    if (verb !== 'answer' || !Array.isArray(third) || third[0] < 600)
      return [verb, id, third, ...rest]
    return [verb, id, [200, ...third.slice(1)], ...rest]
  },
  'base64 that is lenient': ([verb, id, third, ...rest]) => {
    const text = verb === 'answer' && Array.isArray(third) ? third[2]?.base64 : undefined
    if (typeof text !== 'string') return [verb, id, third, ...rest]
    const base64 = Buffer.from(text, 'base64').toString('base64')
    return [verb, id, [third[0], third[1], { base64 }], ...rest]
  },
  'messages for clients': ([verb, id, third, ...rest]) => {
    if (verb !== 'fail' || !third?.stack) return [verb, id, third, ...rest]
    const { status, stack: detail } = third
    const code = 'HANDLER_FAILED'
    const problem = { type: 'about:blank', status, detail, code, request_id: id }
    const headers = { 'content-type': 'application/problem+json', 'x-request-id': id }
    return ['answer', id, [status, headers, JSON.stringify(problem)]]
  },
  'numbers of chunks': (entry) => {
    const [verb, id, third, n] = entry
    if (verb !== 'chunk' || typeof n !== 'number' || id.includes('.')) return entry
    const count = counts.get(id) ?? n
    counts.set(id, count + 1)
    return [verb, id, third, count]
  },
  'attempts of answers': ([verb, id, ...rest]) => {
    return [verb, verb === 'answer' ? id.replace(/\.\d+$/, '') : id, ...rest]
  },
  'verbs in capitals': ([verb, ...rest]) => [verb.toLowerCase(), ...rest],
  'failures that look like an end': (entry) => {
    const [verb, id] = entry
    if (verb === 'head') counts.set(id, 0)
    if (verb === 'chunk' && counts.has(id)) counts.set(id, counts.get(id) + 1)
    return verb === 'fail' && counts.has(id) ? ['end', id, counts.get(id)] : entry
  },
  'an alias that it does not know': ([verb, ...rest]) => [verb === 'url' ? 'old' : verb, ...rest],
}

/** As `entries`, of those in MessagePack. */
const packed = {
  'no MessagePack': ([, id]) => ['fail', id, { message: 'what is this?' }],
  'bin as text': (entry) => {
    const [verb, id, third, ...rest] = entry
    if (verb === 'chunk') return [verb, id, textOf(third), ...rest]
    return Array.isArray(third) ? [verb, id, third.map(textOf), ...rest] : entry
  },
}

/** Of commands: false where one is not sent. */
const commands = {
  'no cancels': (name, text) => !(name === 'publish' && text.includes(':cancel')),
  'no pause': (name, text) => !(name === 'evalsha' && text.includes('["pause"')),
}

const middlewares = {
  'JSON for everybody': (req, _res, next) => {
    if (req.headers.accept?.startsWith('text/html')) req.headers.accept = 'application/json'
    next()
  },
}

export function breakFront(name, queue) {
  if (name === undefined) return undefined
  if (entries[name]) breakReading(entries[name])
  else if (packed[name]) breakUnpacking(packed[name])
  else if (jobs[name]) breakPushes(jobs[name], queue)
  else if (commands[name]) breakCommands(commands[name])
  else if (!middlewares[name]) throw new Error(`no break ${name}`)
  return middlewares[name]
}

function breakReading(change) {
  const parse = JSON.parse
  JSON.parse = (text, ...rest) => {
    const value = parse(text, ...rest)
    const [verb, id] = Array.isArray(value) ? value : []
    return typeof verb === 'string' && typeof id === 'string' ? change(value) : value
  }
}

function breakUnpacking(change) {
  const { Unpackr } = createRequire(import.meta.url)('msgpackr')
  const { unpack } = Unpackr.prototype
  Unpackr.prototype.unpack = function (...args) {
    const value = unpack.apply(this, args)
    return Array.isArray(value) ? change(value) : value
  }
}

function breakPushes(change, queue) {
  const { sendCommand } = Redis.prototype
  Redis.prototype.sendCommand = function (command, ...rest) {
    if (command.name === 'rpush' && String(command.args[0]) === queue) {
      const [key, ...texts] = command.args
      command.args = [key, ...texts.map((text) => JSON.stringify(change(JSON.parse(text))))]
    }
    return sendCommand.call(this, command, ...rest)
  }
}

function breakCommands(isSent) {
  const { sendCommand } = Redis.prototype
  Redis.prototype.sendCommand = function (command, ...rest) {
    if (isSent(command.name, command.args.join(' ')))
      return sendCommand.call(this, command, ...rest)
    command.resolve(1)
    return command.promise
  }
}

function upper(name) {
  return name.replace(/^./, (first) => first.toUpperCase())
}

function textOf(value) {
  return Buffer.isBuffer(value) ? value.toString() : value
}
