// What this worker answers: put yours into `handle`. The rest makes a reply of a job (docs/protocol.md, P-10 to P-42).
import { isUtf8 } from 'node:buffer'
import { setTimeout as pause } from 'node:timers/promises'

const text = { 'content-type': 'text/plain; charset=utf-8' }

async function handle({ method, url, headers, body }) {
  const { pathname, searchParams } = new URL(`http://worker${url}`)
  switch (`${method} ${pathname}`) {
    case 'GET /':
    case 'HEAD /':
      return [200, text, 'Hello from Node\n']
    case 'GET /json': {
      const answer = { method, name: searchParams.get('name') }
      return [200, { 'content-type': 'application/json' }, JSON.stringify(answer)]
    }
    case 'POST /echo': {
      const type = headers['content-type'] ?? 'application/octet-stream'
      return [200, { 'content-type': type }, body]
    }
    case 'GET /cookies':
      return [200, { ...text, 'set-cookie': ['a=1; Path=/', 'b=2; Path=/'] }, 'two cookies\n']
    case 'GET /error':
      // The client sees the status, the message is for the log of the front.
      throw Object.assign(new Error('out of stock'), { status: 409 })
    case 'GET /slow':
      await pause(Number(searchParams.get('ms')))
      return [200, text, 'slow']
    default:
      return [404, text, 'not found\n']
  }
}

// The mailbox that waits for a reply to this job, and the reply. Nothing where nobody waits, or this is no job.
export async function run(raw) {
  try {
    const job = JSON.parse(raw)
    const [action, args, mailbox, id] = job
    const typed = typeof action === 'string' && Array.isArray(args)
    // No list of a queue's, {queue}:held and the like, waits for a reply (P-10).
    const addressed = mailbox === null || (typeof mailbox === 'string' && /^[^{]/.test(mailbox))
    if (job.length !== 4 || !typed || !addressed || !['string', 'number'].includes(typeof id))
      throw new TypeError('it is not an array of an action, its arguments, a mailbox and an id')
    const entry = await reply(action, args, String(id))
    return mailbox === null ? undefined : [mailbox, JSON.stringify(entry)]
  } catch (error) {
    console.error(`not a job: ${raw.subarray(0, 100)} ${error.message}`)
  }
}

async function reply(action, args, id) {
  if (action !== 'url')
    return ['fail', id, { code: 'NO_HANDLER', message: `no handler for ${action}` }]
  try {
    const [request] = args
    const [status, headers, body] = await handle({ ...request, body: fromJson(request.body) })
    return ['answer', id, [status, headers, toJson(Buffer.from(body))]]
  } catch ({ status, message }) {
    return ['fail', id, { status, message }]
  }
}

// Bytes are text in JSON, or else base64 (P-20).
function fromJson(body) {
  return typeof body?.base64 === 'string'
    ? Buffer.from(body.base64, 'base64')
    : Buffer.from(body ?? '')
}

function toJson(body) {
  return isUtf8(body) ? body.toString() : { base64: body.toString('base64') }
}
