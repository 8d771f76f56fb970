/** The vectors of docs/protocol.md, P-25 to P-29: what each of these bytes is. */
import { describe, expect, test } from '@jest/globals'
import { decodeJob } from '../../packages/protocol/src/wire/job'
import { respell } from '../../packages/protocol/src/wire/msgpack/respell'
import { unpack } from '../../packages/protocol/src/wire/msgpack/unpack'
import { decodeEntry } from '../../packages/protocol/src/wire/verb'
import { toTagged } from '../helpers/tagged'
import { type Vector, vectors } from './vectors'

/** What the bytes are, seen as the vector wants to see them. */
function look(bytes: Buffer, wanted: Vector['expect']): Vector['expect'] {
  const { is, next } = wanted
  if (is !== undefined) return lookAtEntry(bytes, wanted)
  if ('value' in wanted) return { value: toTagged(unpack(bytes)) }
  if ('fault' in wanted) return { fault: faultOf(() => unpack(bytes)) }
  if (next) {
    const hex = respell(bytes, next.id, next.attempt).toString('hex')
    return { next: { ...next, hex } }
  }
  const job = decodeJob(bytes)
  if ('malformed' in job) {
    const id = job.job?.id
    const reply = id === undefined ? null : { verb: 'fail', job_id: id, code: 'BAD_REQUEST' }
    return { dead: true, why: job.malformed, reply }
  }
  const { encoding, action, args, respondTo, id } = job
  expect(encoding).toBe(bytes.includes('["add"') ? undefined : 'msgpack')
  return { job: { action, args: toTagged(args), respond_to: respondTo, job_id: id } }
}

/** It is read as the same entry in JSON is; there the bytes of a chunk are base64. */
function lookAtEntry(bytes: Buffer, wanted: Vector['expect']): Vector['expect'] {
  const entry = decodeEntry(bytes)
  if (!('value' in wanted)) return { is: entry.verb }
  const value = toTagged(unpack(bytes))
  const text = JSON.stringify(value).replace('{"$bin":"ff00"}', '{"base64":"/wA="}')
  expect(toTagged(entry)).toEqual(toTagged(decodeEntry(Buffer.from(text))))
  return { is: entry.verb, value }
}

function faultOf(unpacking: () => unknown): unknown {
  try {
    return ['no fault', unpacking()]
  } catch (error) {
    return error instanceof Error ? error.message : error
  }
}

describe('MessagePack', () => {
  test.each(vectors)('$rule: $name', ({ hex, expect: wanted }) => {
    expect(look(Buffer.from(hex, 'hex'), wanted)).toEqual(wanted)
  })

  test('changes no prototype, whatever its keys are', () => {
    for (const { hex } of vectors) faultOf(() => unpack(Buffer.from(hex, 'hex')))
    expect(Object.keys(Object.prototype)).toEqual([])
    expect('x' in {}).toBe(false)
  })
})
