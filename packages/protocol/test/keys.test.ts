/** The names of keys and channels, which are the protocol, and the names a queue may not have. */
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { checkQueueName, isPriority, keys, priorities } from '../src/wire/keys'

describe('the keys of a queue', () => {
  test('are its literal name, and its name as hash tag for all that belongs to it', () => {
    expect({
      normal: keys.queue('tempest', 'normal'),
      high: keys.queue('tempest', 'high'),
      low: keys.queue('tempest', 'low'),
      held: keys.held('tempest', 'b00t'),
      workers: keys.workers('tempest'),
      dead: keys.dead('tempest'),
      bell: keys.bell('tempest'),
      cancel: keys.cancel('tempest'),
    }).toEqual({
      normal: 'tempest',
      high: '{tempest}:high',
      low: '{tempest}:low',
      held: '{tempest}:held:b00t',
      workers: '{tempest}:workers',
      dead: '{tempest}:dead',
      bell: '{tempest}:bell',
      cancel: '{tempest}:cancel',
    })
  })

  test('are never the same for two queues, nor a mailbox', () => {
    const name = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
      .filter((text) => /^[^\s{}:\p{Cc}]+$/u.test(text))
    const all = (queue: string): string[] => [
      ...priorities.map((priority) => keys.queue(queue, priority)),
      keys.held(queue, 'b'),
      keys.workers(queue),
      keys.dead(queue),
      keys.bell(queue),
      keys.cancel(queue),
    ]
    fc.assert(
      fc.property(name, name, (one, other) => {
        fc.pre(one !== other)
        const names = [...all(checkQueueName(one)), ...all(checkQueueName(other))]
        names.push(keys.mailbox(one), keys.mailbox(other))
        expect(new Set(names).size).toBe(names.length)
      }),
    )
  })

  test('a mailbox is under tempest:', () => {
    expect(keys.mailbox('b00t')).toBe('tempest:mailbox:b00t')
  })

  test('priorities are high, normal, low, in this order, and nothing else', () => {
    expect(priorities).toEqual(['high', 'normal', 'low'])
    expect(['high', 'normal', 'low', 'High', '', 0, null, undefined, {}].map(isPriority)).toEqual([
      ...[true, true, true],
      ...[false, false, false, false, false, false],
    ])
  })
})

describe('a queue name', () => {
  test.each(['tempest', 'a', 'a.b-c_d/e', 'größe', '注文', '🙂', 'x'.repeat(128), '__proto__'])(
    'may be %j',
    (name) => {
      expect(checkQueueName(name)).toBe(name)
    },
  )

  test.each([
    ['empty', ''],
    ['a colon', 'a:b'],
    ['an opening brace', 'a{b'],
    ['a closing brace', '}'],
    ['a space', 'a b'],
    ['a newline at its end', 'tempest\n'],
    ['a tab', '\t'],
    ['a no-break space', 'a\u00a0b'],
    ['a byte order mark', '\ufeffa'],
    ['a null character', 'a\u0000'],
    ['an escape', '\u001b[0m'],
    ['129 characters', 'x'.repeat(129)],
    ['a number', 7],
    ['null', null],
    ['undefined', undefined],
    ['an array', ['tempest']],
    ['an object', { toString: () => 'tempest' }],
    ['a BigInt', 1n],
    ['a symbol', Symbol('tempest')],
  ])('is refused with a TypeError where it is or has %s', (_what, name) => {
    expect(() => checkQueueName(name)).toThrow(TypeError)
  })

  test('that is refused is told in the message', () => {
    expect(() => checkQueueName('a:b')).toThrow('"a:b"')
  })
})
