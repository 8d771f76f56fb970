/** The action `url`: the request a handler is given, and the results that are refused because they are no response. */
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { elementsOf, fieldsOf } from '../../../test/helpers/json'
import { encodeResult, HttpError, json, toRequest } from '../src/http'

const meta = {
  v: 1,
  deadline: 0,
  attempt: 1,
  retry: true,
  epoch: 'e',
  request_id: 'r-1',
} as const

describe('a request', () => {
  test('is what the job says, with the body as bytes', () => {
    const traceparent = '00-1-2-01'
    const given = {
      method: 'POST',
      url: '/a?b',
      mount: '/m',
      headers: { host: 'h', 'set-cookie': ['a', 'b'] },
      body: 'ü',
      remote: '127.0.0.1',
      meta,
    }
    expect(toRequest([given], 'id', { ...meta, traceparent })).toEqual({
      method: 'POST',
      url: '/a?b',
      mount: '/m',
      headers: { host: 'h', 'set-cookie': ['a', 'b'] },
      body: Buffer.from('ü'),
      remote: '127.0.0.1',
      requestId: 'r-1',
      traceparent,
    })
  })

  test('has empty strings, no headers and no bytes where the job says nothing, and the job’s id', () => {
    expect(toRequest([{ method: 'GET', url: '' }], 'id', undefined)).toEqual({
      method: 'GET',
      url: '',
      mount: '',
      headers: {},
      body: Buffer.alloc(0),
      remote: '',
      requestId: 'id',
      traceparent: undefined,
    })
  })

  test('has its body from base64 where it was no text', () => {
    const request = toRequest([{ method: 'GET', url: '/', body: { base64: '/wA=' } }], 'id', meta)
    expect(request).toMatchObject({ body: Buffer.from([0xff, 0x00]) })
  })

  test('has headers without a prototype, and none called __proto__', () => {
    const wire = '[{"method":"GET","url":"/","headers":{"__proto__":"x","a":"b"}}]'
    const { headers } = fieldsOf(toRequest(elementsOf(JSON.parse(wire)), 'id', meta))
    expect(headers).toEqual({ a: 'b' })
    expect(Object.getPrototypeOf(headers)).toBeNull()
  })

  test('leaves out headers that are no text', () => {
    const headers = { a: 1, b: null, c: { d: 1 }, e: ['1', 2, null, { toString: 3 }], f: 'kept' }
    expect(toRequest([{ method: 'GET', url: '/', headers }], 'id', meta)).toMatchObject({
      headers: { e: ['1'], f: 'kept' },
    })
  })

  test.each([
    ['args[0] is not an object', []],
    ['args[0] is not an object', [null]],
    ['args[0] is not an object', ['/']],
    ['method', [{ url: '/' }]],
    ['method', [{ method: '', url: '/' }]],
    ['method', [{ method: ['GET'], url: '/' }]],
    ['method', [[]]],
    ['url', [{ method: 'GET' }]],
    ['url', [{ method: 'GET', url: null }]],
    ['headers', [{ method: 'GET', url: '/', headers: null }]],
    ['headers', [{ method: 'GET', url: '/', headers: ['a'] }]],
    ['headers', [{ method: 'GET', url: '/', headers: 'a: b' }]],
    ['body', [{ method: 'GET', url: '/', body: 1 }]],
    ['body', [{ method: 'GET', url: '/', body: { base64: '!' } }]],
  ])('is none where its %s is wrong: %j', (what, args) => {
    expect(toRequest(args, 'id', undefined)).toBe(what)
  })

  test('never throws, whatever the job carries', () => {
    const key = fc.constantFrom('method', 'url', 'headers', 'body', 'mount', 'remote', '__proto__')
    const nasty = fc.constantFrom('toString', 'valueOf', '__proto__', 'a', 'constructor')
    const { value } = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom('GET', '/', '', null, 1, true),
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(nasty, tie('value'), { maxKeys: 3 }),
      ),
    }))
    const text = fc
      .dictionary(key, value)
      .map((given) => JSON.stringify([{ method: 'GET', url: '/', ...given }]))
    fc.assert(
      fc.property(text, (wire) => {
        const request = toRequest(elementsOf(JSON.parse(wire)), 'id', undefined)
        if (typeof request === 'string') return
        for (const header of Object.values(request.headers)) {
          for (const item of [header].flat()) expect(typeof item).toBe('string')
        }
      }),
      { numRuns: 2000 },
    )
  })
})

describe('a result', () => {
  const encoded = (result: unknown): unknown => JSON.parse(encodeResult(result))

  test.each([
    ['hi', [200, { 'content-type': 'text/plain; charset=utf-8' }, 'hi']],
    ['', [200, { 'content-type': 'text/plain; charset=utf-8' }, '']],
    [Buffer.from('ü'), [200, { 'content-type': 'application/octet-stream' }, 'ü']],
    [
      new Uint8Array([255]),
      [200, { 'content-type': 'application/octet-stream' }, { base64: '/w==' }],
    ],
    [{}, [200, {}, '']],
    [{ status: 204 }, [204, {}, '']],
    [{ status: undefined, headers: undefined, body: undefined }, [200, {}, '']],
    [{ status: null, headers: null, body: null }, [200, {}, '']],
    [
      { body: 'b', headers: { a: 'b', n: 1, l: ['x', 'y'] } },
      [200, { a: 'b', n: 1, l: ['x', 'y'] }, 'b'],
    ],
    [{ headers: { a: undefined } }, [200, {}, '']],
    [{ body: Buffer.from([0xff]) }, [200, {}, { base64: '/w==' }]],
    [{ status: 599, more: 'ignored' }, [599, {}, '']],
    [json({ a: 1 }), [200, { 'content-type': 'application/json' }, '{"a":1}']],
    [json(null, 201), [201, { 'content-type': 'application/json' }, 'null']],
  ])('is sent: %j', (result, wire) => {
    expect(encoded(result)).toEqual(wire)
  })

  test.each([
    ['nothing', undefined],
    ['null', null],
    ['a number', 200],
    ['true', true],
    ['an array', [200, {}, '']],
    ['a function', () => ''],
    ['a symbol', Symbol('s')],
    ['a status in words', { status: '200' }],
    ['a status below 200', { status: 199 }],
    ['an interim status', { status: 100 }],
    ['status 600', { status: 600 }],
    ['half a status', { status: 200.5 }],
    ['status NaN', { status: NaN }],
    ['headers in a list', { headers: [['a', 'b']] }],
    ['headers in words', { headers: 'a: b' }],
    ['a header that is an object', { headers: { a: {} } }],
    ['a header that is null', { headers: { a: null } }],
    ['a header that is true', { headers: { a: true } }],
    ['a header that is NaN', { headers: { a: NaN } }],
    ['a header that is endless', { headers: { a: Infinity } }],
    ['a header with a list of numbers', { headers: { a: [1] } }],
    ['a body that is a number', { body: 7 }],
    ['a body that is an object', { body: { a: 1 } }],
    ['a body that is an array', { body: ['a'] }],
    ['a body that is a stream', { body: new ReadableStream() }],
    ['a Response of fetch', new Response('x')],
    ['a Map of headers', { headers: new Map([['a', 'b']]) }],
    ['Headers of fetch', { headers: new Headers({ a: 'b' }) }],
  ])('is refused with a TypeError where it is or has %s', (_what, result) => {
    expect(() => encodeResult(result)).toThrow(TypeError)
  })

  test('that JSON cannot carry is refused', () => {
    for (const value of [undefined, () => 1, Symbol('s'), 1n]) {
      expect(() => json(value)).toThrow(TypeError)
    }
  })
})

describe('an HttpError', () => {
  test('has a status from 400 to 599 and a message', () => {
    expect(new HttpError(410)).toMatchObject({
      name: 'HttpError',
      status: 410,
      message: 'status 410',
    })
    expect(new HttpError(503, 'later', { cause: 'c' })).toMatchObject({
      message: 'later',
      cause: 'c',
    })
    expect(new HttpError(400)).toBeInstanceOf(Error)
  })

  test.each([399, 600, 200, 404.5, NaN, '404', undefined])('refuses status %j', (status) => {
    expect(() => void Reflect.construct(HttpError, [status])).toThrow(TypeError)
  })
})
