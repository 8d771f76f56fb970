/**
 * An entry of a mailbox: a JSON array whose first element is a verb and whose second is a job id (docs/protocol.md, P-40).
 *
 * This file knows the verbs of a whole reply, `answer` and `fail`, that of a sweeper, `lost`, and what a node says to itself, `echo`; an
 * unknown verb is told as such and hurts nobody.
 */

import { listOf } from './list.js'

/** What `fail` carries. `message` is for the operator and never reaches a client. */
export interface Failure {
  status?: number
  code?: string
  message: string
}

/** What `lost` carries. `final`: the job is not tried again. */
export interface Loss {
  final: boolean
  queue?: string
}

export type Entry =
  | { verb: 'answer'; id: string; result: unknown }
  | { verb: 'fail'; id: string; failure: Failure }
  | { verb: 'lost'; id: string; loss: Loss }
  | { verb: 'echo'; id: string }
  | { verb: 'unknown' }
  | { verb: 'malformed' }

const unknown: Entry = { verb: 'unknown' }
const malformed: Entry = { verb: 'malformed' }

/** Never throws: bytes that are no entry, or too many for a string, are malformed. */
export function decodeEntry(bytes: Buffer): Entry {
  let value: unknown
  try {
    value = JSON.parse(bytes.toString('utf8'))
  } catch {
    return malformed
  }
  if (!Array.isArray(value)) return malformed
  const [verb, id, third] = listOf(value)
  if (typeof verb !== 'string') return malformed
  // Numbers are taken as ids because old clients may send them.
  const name = typeof id === 'string' ? id : typeof id === 'number' ? String(id) : undefined
  switch (verb) {
    case 'answer':
    case 'url':
      return name === undefined ? malformed : { verb: 'answer', id: name, result: third }
    case 'fail':
      return name === undefined ? malformed : { verb: 'fail', id: name, failure: toFailure(third) }
    case 'lost': {
      const loss = toLoss(third)
      return name === undefined || !loss ? malformed : { verb: 'lost', id: name, loss }
    }
    case 'echo':
      return name === undefined ? malformed : { verb: 'echo', id: name }
    default:
      return unknown
  }
}

/** Whoever waits is told at once that it failed, and by what when it is no failure of ours. */
const badFailure: Failure = { code: 'BAD_REPLY', message: 'the failure is malformed' }

function toFailure(value: unknown): Failure {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return badFailure
  const failure: Failure = { message: '' }
  if ('message' in value && typeof value.message === 'string') failure.message = value.message
  if ('code' in value && typeof value.code === 'string') failure.code = value.code
  if ('status' in value) {
    const { status } = value
    if (typeof status !== 'number' || !Number.isInteger(status) || status < 400 || status > 599) {
      return badFailure
    }
    failure.status = status
  }
  return failure
}

function toLoss(value: unknown): Loss | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  if (!('final' in value) || typeof value.final !== 'boolean') return undefined
  const loss: Loss = { final: value.final }
  if ('queue' in value && typeof value.queue === 'string') loss.queue = value.queue
  return loss
}

/** `result` must be JSON already, so that a body is encoded once. */
export function encodeAnswer(id: string, result: string): string {
  return `["answer",${JSON.stringify(id)},${result}]`
}

export function encodeFail(id: string, failure: Failure): string {
  return JSON.stringify(['fail', id, failure])
}

/** What a sweeper tells of a job whose worker is gone. */
export function encodeLost(id: string, loss: Loss): string {
  return JSON.stringify(['lost', id, { ...loss, code: 'WORKER_LOST' }])
}

export function encodeEcho(id: string): string {
  return JSON.stringify(['echo', id])
}
