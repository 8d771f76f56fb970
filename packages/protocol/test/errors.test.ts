/** The closed union of codes: one table tells the status and the sentence a client may read. */
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import {
  errorCodes,
  isErrorCode,
  reasonOf,
  statusOf,
  TempestError,
  titleOf,
} from '../src/wire/errors'

describe('an error code', () => {
  test('has the status the promises name', () => {
    expect(Object.fromEntries(errorCodes.map((code) => [code, statusOf(code)]))).toEqual({
      BAD_REQUEST: 400,
      BODY_TIMEOUT: 408,
      BODY_TOO_LARGE: 413,
      FORBIDDEN: 403,
      METHOD_NOT_ALLOWED: 405,
      SUBSCRIBERS_FULL: 503,
      CANCELLED: 499,
      BODY_CONSUMED: 500,
      HTTP_ERROR: 500,
      HANDLER_FAILED: 500,
      INTERNAL: 500,
      NO_HANDLER: 501,
      OVERRUN: 502,
      BAD_REPLY: 502,
      WORKER_LOST: 502,
      REDIS_AWAY: 503,
      REDIS_REFUSED: 503,
      REDIS_UNFIT: 503,
      PUSH_UNKNOWN: 503,
      BACKLOG_FULL: 503,
      IN_FLIGHT_FULL: 503,
      STOPPING: 503,
      DEADLINE: 504,
    })
  })

  test('has a title for the client that tells nothing of the inside', () => {
    for (const code of errorCodes) {
      expect(titleOf(code)).toMatch(/^[A-Z][a-z ]+$/)
      expect(titleOf(code)).not.toMatch(/redis|queue|job|mailbox/i)
    }
  })

  test('is nothing else, not even what every object has', () => {
    expect(errorCodes.every(isErrorCode)).toBe(true)
    for (const other of ['deadline', '', 'toString', '__proto__', 'constructor', 504, null, {}]) {
      expect(isErrorCode(other)).toBe(false)
    }
  })
})

describe('a TempestError', () => {
  test('is an Error with its code, the status of the code and its message', () => {
    const error = new TempestError('DEADLINE', 'no answer')
    expect(error).toBeInstanceOf(Error)
    expect(error).toMatchObject({ name: 'TempestError', code: 'DEADLINE', status: 504 })
    expect(error.message).toBe('no answer')
    expect('cause' in error).toBe(false)
  })

  test('may have a status of its own and a cause', () => {
    const cause = new Error('inner')
    const error = new TempestError('HTTP_ERROR', 'gone', { status: 410, cause })
    expect(error.status).toBe(410)
    expect(error.cause).toBe(cause)
  })
})

describe('the reason of what was thrown', () => {
  test('is the message of an error, else its text', () => {
    expect([new Error('why'), 'words', 7, undefined, null, Symbol('s')].map(reasonOf)).toEqual([
      ...['why', 'words', '7'],
      ...['undefined', 'null', 'Symbol(s)'],
    ])
  })

  test('is a string whatever was thrown: it is asked for where nothing may throw any more', () => {
    const noText = Object.create(null) as object
    const circular: { message?: unknown } = new Error('x')
    circular.message = circular
    const throwing = Object.defineProperty(new Error('x'), 'message', {
      get: () => {
        throw new Error('again')
      },
    })
    for (const thrown of [noText, { toString: 1 }, circular, throwing]) {
      expect(typeof reasonOf(thrown)).toBe('string')
    }
    fc.assert(
      fc.property(fc.anything({ withNullPrototype: true, withBigInt: true }), (thrown) => {
        expect(typeof reasonOf(thrown)).toBe('string')
      }),
    )
  })
})
