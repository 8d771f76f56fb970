import { expect, jest, test } from '@jest/globals'
import type { Child } from '../src/child'
import { keepCrew } from '../src/crew'
import { Refusal } from '../src/refusal'

/** A child that is ready and ends when it is told. */
function fakeChild(pid: number): Child & { end(how: string): void } {
  let end: (how: string) => void = () => undefined
  const ended = new Promise<string>((resolve) => (end = resolve))
  return {
    pid,
    ready: Promise.resolve(0),
    ended,
    end: (how) => end(how),
    stop: () => {
      end('exit code 0')
      return Promise.resolve()
    },
    kill: () => end('SIGKILL'),
  }
}

test('one that ends is replaced after a pause that grows', async () => {
  jest.useFakeTimers()
  const children: ReturnType<typeof fakeChild>[] = []
  const lines: string[] = []
  const start = (): Child => {
    const child = fakeChild(children.length + 1)
    children.push(child)
    return child
  }
  const crew = keepCrew({ count: 2, start, say: (line) => lines.push(line) })
  await crew.ready
  expect(crew.pids()).toEqual([1, 2])
  for (const index of [0, 2, 3]) {
    children[index]?.end('exit code 7')
    await jest.advanceTimersByTimeAsync(500)
  }
  expect(lines).toEqual([
    'Worker 1 ended (exit code 7); another one starts in 0.1 s.',
    'Worker 3 ended (exit code 7); another one starts in 0.2 s.',
    'Worker 4 ended (exit code 7); another one starts in 0.4 s.',
  ])
  expect(crew.pids()).toEqual([2, 5])
  await jest.advanceTimersByTimeAsync(20_000)
  children[4]?.end('SIGKILL')
  await jest.advanceTimersByTimeAsync(0)
  expect(lines.at(-1)).toBe('Worker 5 ended (SIGKILL); another one starts in 0.1 s.')
  await crew.stop()
  await jest.advanceTimersByTimeAsync(20_000)
  expect(crew.pids()).toEqual([])
  expect(children).toHaveLength(5)
  jest.useRealTimers()
})

test('one that cannot begin at all is an error', async () => {
  const refusal = new Refusal('no')
  const ready = Promise.reject<number>(refusal)
  const crew = keepCrew({
    count: 1,
    start: () => ({ ...fakeChild(1), ready }),
    say: () => undefined,
  })
  await expect(crew.ready).rejects.toBe(refusal)
  await crew.stop()
})
