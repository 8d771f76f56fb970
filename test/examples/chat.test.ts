/** examples/stream/chat.mjs, heard by a parser of server-sent events that is not ours. */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { createParser } from 'eventsource-parser'
import type { Launched } from '../../launch/test/launched'
import { elementsOf, fieldsOf } from '../helpers/json'
import { until } from '../helpers/until'
import { read, type Reading } from './reading'
import { describeProgram, type Stage, startStage } from './stage'

const TOKEN_MS = 20
const MANY = 500
const content = 'Say  "wörld"\nin two\t日本 lines\n\ndata: [DONE]'
const question = {
  model: 'parrot',
  messages: [
    { role: 'system', content: 'x' },
    { role: 'user', content },
  ],
}

describeProgram('chat', () => {
  let stage: Stage
  let worker: Launched
  beforeAll(async () => {
    stage = await startStage('through the mailbox', 'tempest', 'chat')
    worker = await stage.work('chat', 'chat', TOKEN_MS)
  })
  afterAll(() => stage.stop())

  function post(body: unknown): Promise<Reading> {
    return read(`${stage.url}/chat/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    })
  }

  test('streams chunks as their clients expect them', async () => {
    const reading = await post({
      ...question,
      stream: true,
      stream_options: { include_usage: true },
    })
    expect(reading.status).toBe(200)
    expect(reading.headers.get('content-type')).toMatch(/^text\/event-stream/)
    const events = dataOf(await reading.whole())
    expect(events.pop()).toBe('[DONE]')
    const chunks = events.map((each) => fieldsOf(JSON.parse(each)))
    const about = { object: 'chat.completion.chunk', model: 'parrot', id: chunks[0]?.id }
    for (const chunk of chunks) expect(chunk).toMatchObject(about)
    expect(about.id).toMatch(/^chatcmpl-/)
    expect(chunks.pop()).toMatchObject({ choices: [], usage: { completion_tokens: 8 } })
    const choices = chunks.map((chunk) => fieldsOf(elementsOf(chunk.choices)[0]))
    const reasons = choices.map((choice) => choice.finish_reason)
    expect(reasons).toEqual([...reasons.slice(1).map(() => null), 'stop'])
    const deltas = choices.map(({ delta }) => fieldsOf(delta))
    expect(deltas.shift()).toEqual({ role: 'assistant', content: '' })
    expect(deltas.pop()).toEqual({})
    expect(deltas).toHaveLength(8)
    expect(deltas.map((delta) => delta.content).join('')).toBe(content)
  })

  test('sends each word as it is made, and makes no more when its client has left', async () => {
    // Seconds of them, so that whoever looks late looks in their midst still.
    const messages = [{ role: 'user', content: 'word '.repeat(MANY) }]
    const reading = await post({ ...question, messages, stream: true })
    await reading.hears('"delta":{"content":"word"}')
    expect(reading.text).not.toContain('[DONE]')
    expect(reading.end).toBeUndefined()
    reading.leave()
    // All of them would take ten seconds.
    const held = async (): Promise<number> =>
      elementsOf(await stage.redis.cli('KEYS', '*:held:*')).length
    await until(async () => (await held()) === 0, 5000)
  })

  test('is whole where no stream was asked for', async () => {
    const reading = await post(question)
    expect(reading.headers.get('content-type')).toBe('application/json')
    expect(JSON.parse(await reading.whole())).toMatchObject({
      id: expect.stringMatching(/^chatcmpl-/),
      object: 'chat.completion',
      created: expect.any(Number),
      model: 'parrot',
      choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }],
      usage: { prompt_tokens: 8, completion_tokens: 8, total_tokens: 16 },
    })
  })

  test('reads content that comes in parts', async () => {
    const parts = [
      { type: 'text', text: 'in ' },
      { type: 'image_url' },
      { type: 'text', text: 'parts' },
    ]
    const reading = await post({ model: 'parrot', messages: [{ role: 'user', content: parts }] })
    expect(await reading.whole()).toContain('"content":"in parts"')
  })

  test.each<[unknown, string | null]>([
    ['{', null],
    ['', null],
    ['null', 'model'],
    [{ messages: [] }, 'model'],
    [{ model: 'parrot' }, 'messages'],
    [{ model: 'parrot', messages: [] }, 'messages'],
    [{ model: 'parrot', messages: [null] }, 'messages'],
    [{ model: 'parrot', messages: [{ content: 7 }] }, 'messages'],
    [{ ...question, stream: 'yes' }, 'stream'],
  ])('refuses %j', async (body, param) => {
    const reading = await post(body)
    expect(reading.status).toBe(400)
    const { error } = fieldsOf(JSON.parse(await reading.whole()))
    const message: unknown = expect.stringMatching(/./)
    expect(error).toEqual({ message, type: 'invalid_request_error', param, code: null })
  })

  test('refuses other methods and places as they do', async () => {
    const wrong = await read(`${stage.url}/chat/v1/chat/completions`)
    expect([wrong.status, await wrong.whole()]).toEqual([
      405,
      expect.stringContaining('Not allowed'),
    ])
    const missing = await read(`${stage.url}/chat/v1/chats`)
    expect([missing.status, await missing.whole()]).toEqual([
      404,
      expect.stringContaining('Invalid'),
    ])
    expect(worker.output()).not.toMatch(/error/i)
  })
})

function dataOf(text: string): string[] {
  const data: string[] = []
  const parser = createParser({
    onEvent: (event) => data.push(event.data),
    onError: (error) => {
      throw error
    },
  })
  for (const character of text) parser.feed(character)
  return data
}
