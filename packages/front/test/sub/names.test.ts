/** Which channels a path names, and which names nobody gets. */
import { describe, expect, test } from '@jest/globals'
import { namesOf } from '../../src/sub/names'

const open = { plain: true, prefix: '', max: 3 }
const guarded = { plain: false, prefix: '', max: 3 }

describe('names of channels', () => {
  test.each([
    ['/test', ['test']],
    ['/a,b', ['a', 'b']],
    ['/a,b,a', ['a', 'b']],
    ['/A.b_c-9', ['A.b_c-9']],
    ['/%61', ['a']],
  ])('%s names %j', (path, names) => expect(namesOf(path, open)).toEqual(names))

  test.each([
    '/',
    '',
    '/a,',
    '/,a',
    '/a b',
    '/a/b',
    '/a:b',
    '/a%3Ab',
    '/a@b',
    '/%ff',
    '/%',
    '/é',
    '/*',
    `/${'a'.repeat(129)}`,
    '/a,b,c,d',
    '/a%2Cb',
    '/a%00',
  ])('without a guard %s names none', (path) =>
    expect(() => namesOf(path, open)).toThrow(expect.objectContaining({ code: 'BAD_REQUEST' })),
  )

  test.each([
    ['/room:1', ['room:1']],
    ['/a%2Cb,c', ['a,b', 'c']],
    ['/%C3%A9/x', ['é/x']],
  ])('with a guard %s names %j', (path, names) => expect(namesOf(path, guarded)).toEqual(names))

  test.each([
    '/tempest:mailbox:1',
    '/%74empest:pulse:1',
    '/{q}:bell',
    '/%7Bq%7D:cancel',
    '/__keyspace@0__:a',
    '/a%0Ab',
    '/a%7F',
    `/${'é'.repeat(129)}`,
  ])('with a guard %s names none either', (path) =>
    expect(() => namesOf(path, guarded)).toThrow(expect.objectContaining({ code: 'BAD_REQUEST' })),
  )

  test('are checked with their prefix: that may put one out of the way, or into it', () => {
    expect(namesOf('/tempest:x', { ...guarded, prefix: 'app:' })).toEqual(['tempest:x'])
    expect(() => namesOf('/mailbox', { ...guarded, prefix: 'tempest:' })).toThrow('reserved')
  })
})
