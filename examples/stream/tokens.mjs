// Answers piece by piece: /tokens as server-sent events, /download as bytes. The page at / shows the tokens as they come.
import { createCipheriv } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { createWorker, HttpError, sse } from '@tempest/worker'

const redis = process.env.TEMPEST_REDIS_URL ?? process.env.REDIS_URL ?? 'redis://localhost'
const queues = (process.env.TEMPEST_QUEUES ?? 'tempest').split(',')
const tokenMs = Number(process.env.TOKEN_MS ?? 100)
const page = readFileSync(new URL('index.html', import.meta.url))

const worker = createWorker({ redis, queues })

worker.on('url', (request, job) => {
  const { pathname, searchParams } = new URL(`http://worker${request.url}`)
  if (pathname === '/')
    return { headers: { 'content-type': 'text/html; charset=utf-8' }, body: page }
  if (pathname === '/tokens') return sse(tokens(searchParams.get('prompt') ?? '', job.signal))
  if (pathname === '/download') return download(request.method, searchParams.get('bytes') ?? '1e9')
  throw new HttpError(404)
})

await worker.start()
console.log(`tokens.mjs works for ${queues.join(', ')}`)

process.once('SIGINT', () => worker.stop())
process.once('SIGTERM', () => worker.stop())

// Stands for a model. When the client has left the signal fires, and nobody pays for what nobody reads.
async function* tokens(prompt, signal) {
  const words = prompt.split(/\s+/).filter((word) => word !== '')
  let made = 0
  try {
    for (const word of words) {
      await pause(tokenMs, undefined, { signal })
      made++
      yield `${word} `
    }
  } finally {
    console.log(`made ${made} of ${words.length} tokens`)
  }
}

function download(method, text) {
  const length = Number(text)
  if (!Number.isSafeInteger(length) || length < 0) throw new HttpError(400)
  const headers = { 'content-type': 'application/octet-stream', 'content-length': length }
  return { headers, body: method === 'HEAD' ? '' : bytes(length) }
}

// The same at each call, and nothing that could be compressed. It is asked for the next piece when there is room for it.
function* bytes(length) {
  const piece = Buffer.alloc(64 * 1024)
  const cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16))
  let made = 0
  try {
    while (made < length) {
      const size = Math.min(piece.length, length - made)
      yield cipher.update(piece.subarray(0, size))
      made += size
    }
  } finally {
    console.log(`made ${made} of ${length} bytes`)
  }
}
