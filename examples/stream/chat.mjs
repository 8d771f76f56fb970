// Speaks as OpenAI's chat completions do, whole or streamed, so that any of their clients can talk to it. It repeats what it is told.
import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { createWorker, json, sse } from '@tempest/worker'

const redis = process.env.TEMPEST_REDIS_URL ?? process.env.REDIS_URL ?? 'redis://localhost'
const queues = (process.env.TEMPEST_QUEUES ?? 'tempest').split(',')
const tokenMs = Number(process.env.TOKEN_MS ?? 100)

const worker = createWorker({ redis, queues })

worker.on('url', (request, job) => {
  const { method, url } = request
  if (!/^\/v1\/chat\/completions(\?|$)/.test(url))
    return refuse(404, `Invalid URL (${method} ${url})`)
  if (method !== 'POST') return refuse(405, `Not allowed to ${method} on /v1/chat/completions`)
  const asked = read(request.body)
  if ('wrong' in asked) return refuse(400, asked.wrong, asked.param)
  const { model, prompt, stream, usage } = asked
  const object = stream ? 'chat.completion.chunk' : 'chat.completion'
  const id = `chatcmpl-${randomUUID()}`
  const about = { id, object, created: Math.floor(Date.now() / 1000), model }
  if (stream) return sse(chunks(about, prompt, usage, job.signal))
  return whole(about, prompt, job.signal)
})

await worker.start()
console.log(`chat.mjs works for ${queues.join(', ')}`)

process.once('SIGINT', () => worker.stop())
process.once('SIGTERM', () => worker.stop())

// Stands for a model: put yours here, and hand it the signal.
async function* generate(prompt, signal) {
  for (const word of prompt.match(/\s*\S+/g) ?? []) {
    await pause(tokenMs, undefined, { signal })
    yield word
  }
}

async function whole(about, prompt, signal) {
  let content = ''
  let made = 0
  for await (const token of generate(prompt, signal)) {
    content += token
    made++
  }
  const message = { role: 'assistant', content }
  const choices = [{ index: 0, message, finish_reason: 'stop' }]
  return json({ ...about, choices, usage: count(prompt, made) })
}

async function* chunks(about, prompt, usage, signal) {
  const chunk = (delta, finish_reason = null) => ({
    data: { ...about, choices: [{ index: 0, delta, finish_reason }] },
  })
  let made = 0
  yield chunk({ role: 'assistant', content: '' })
  for await (const content of generate(prompt, signal)) {
    made++
    yield chunk({ content })
  }
  yield chunk({}, 'stop')
  if (usage) yield { data: { ...about, choices: [], usage: count(prompt, made) } }
  yield '[DONE]'
}

function count(prompt, completion_tokens) {
  const prompt_tokens = prompt.split(/\s+/).filter(Boolean).length
  return { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens }
}

// What the client asks for, or what is wrong with it.
function read(body) {
  let asked
  try {
    asked = JSON.parse(body.toString())
  } catch {
    return { wrong: 'We could not parse the JSON body of your request.' }
  }
  const { model, messages, stream = false, stream_options } = asked ?? {}
  const wrong = (param, what) => ({ wrong: `Invalid '${param}': ${what}.`, param })
  if (typeof model !== 'string') return wrong('model', 'expected a string')
  if (!Array.isArray(messages)) return wrong('messages', 'expected an array')
  if (typeof stream !== 'boolean') return wrong('stream', 'expected a boolean')
  const prompt = textOf(messages.at(-1)?.content)
  if (prompt === undefined) return wrong('messages', 'the last one has no content')
  return { model, prompt, stream, usage: stream_options?.include_usage === true }
}

// Content is text, or parts of which some are.
function textOf(content) {
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return undefined
  return content.map((part) => part?.text ?? '').join('')
}

function refuse(status, message, param = null) {
  return json({ error: { message, type: 'invalid_request_error', param, code: null } }, status)
}
