/** What a stream makes of the loss of its way; the ways are made by hand. */
import { expect, test } from '@jest/globals'
import { OutgoingStream } from '../src/stream/outgoing-stream'
import type { Way } from '../src/stream/way'

/** A stream, what it said along its ways, and how it was closed. */
function stream(): { out: OutgoingStream; said: string[]; closed: string[] } {
  const said: string[] = []
  const closed: string[] = []
  const way = (): Way => ({
    ...{ window: 1000, maxChunks: 10, ready: true },
    head: (head) => said.push(`head ${head}`),
    chunk: ({ n, bytes }) => said.push(`chunk ${n} ${String(bytes)}`),
    end: (count) => said.push(`end ${count}`),
    fail: ({ message }) => said.push(`fail ${message}`),
    flush: () => undefined,
    close: () => undefined,
  })
  const out = new OutgoingStream('job', '[200,{}]', {
    chooseWay: way,
    closed: (_, how) => closed.push(how),
    gone: () => closed.push('gone'),
    refused: (reason) => closed.push(`refused: ${reason}`),
  })
  return { out, said, closed }
}
/** A way that takes little and says when it is asked; `maxChunks` pieces fill it. */
function full(): { out: OutgoingStream; asked: () => number } {
  let asked = 0
  const out = new OutgoingStream('job', '[200,{}]', {
    chooseWay: () => ({
      ...{ window: 1000, maxChunks: 10, ready: true },
      ...{ head: () => 0, chunk: () => 0, end: () => 0, fail: () => 0, flush: () => undefined },
      ask: () => ++asked > 0,
      close: () => undefined,
    }),
    closed: () => undefined,
    gone: () => undefined,
    refused: () => undefined,
  })
  return { out, asked: () => asked }
}
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('a stream whose end was sent along a way that is lost, and of which nobody knows any more, has arrived', async () => {
  const { out, said, closed } = stream()
  const ended = out.end('all')
  await turn()
  expect(said).toEqual(['head [200,{}]', 'chunk 0 all', 'end 1'])
  out.lost()
  expect(said.slice(3)).toEqual(['head [200,{}]', 'chunk 0 all', 'end 1'])
  out.gone()
  await ended
  expect(closed).toEqual(['answered'])
})

test('a stream of which nobody knows any more is refused where its end had not been sent when its way was lost', async () => {
  const { out, closed } = stream()
  void out.write('first')
  await turn()
  out.lost()
  const ended = out.end()
  await turn()
  out.gone()
  await expect(ended).rejects.toMatchObject({ code: 'CANCELLED' })
  expect(closed).toEqual(['cancelled', 'gone'])
})

test('a handler that waits for room has it asked for, though all it wrote is on its way', async () => {
  const { out, asked } = full()
  void out.write('x'.repeat(900))
  await turn()
  expect(asked()).toBe(0)
  const waits = out.write('x'.repeat(200))
  await turn()
  out.ask()
  expect(asked()).toBe(1)
  out.taken(2)
  await waits
  expect(asked()).toBe(1)
})
