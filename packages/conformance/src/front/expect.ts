/** What a client must have got, compared with what it got. */
import { check, checkEqual } from '../case.js'
import type { HttpExpectation } from '../vectors.js'
import { type Response, valuesOf } from './client.js'
import { objectOf } from './stage.js'

export function checkResponse(response: Response, expected: HttpExpectation): void {
  if (expected.problem) return checkProblem(response, expected.problem)
  if (expected.status !== undefined) checkEqual(response.status, expected.status, 'the status')
  for (const [name, value] of Object.entries(expected.headers ?? {})) {
    const wanted = value === null ? [] : [value].flat()
    checkEqual(valuesOf(response, name), wanted, `the fields named ${name}`)
  }
  const { body, complete } = response
  if (expected.body !== undefined) checkEqual(body.toString(), expected.body, 'the body')
  if (expected.hex !== undefined) checkEqual(body.toString('hex'), expected.hex, 'the body, in hex')
  const { starts } = expected
  if (starts !== undefined) check(body.toString().startsWith(starts), starts, body.toString())
  const wanted = expected.complete ?? true
  const how = wanted ? 'a response that is whole' : 'a connection that is cut'
  check(complete === wanted, how, complete ? 'a whole response' : 'a cut')
}

/** P-81. */
export function checkProblem(response: Response, wanted: { status: number; code: string }): void {
  checkEqual(response.status, wanted.status, 'the status')
  const type = valuesOf(response, 'content-type').join()
  check(/^application\/problem\+json\b/.test(type), 'application/problem+json', type)
  const problem = problemOf(response)
  checkEqual(problem['code'], wanted.code, 'the code')
  checkEqual(problem['status'], wanted.status, 'the status in the body')
}

export function problemOf({ body }: Response): Record<string, unknown> {
  try {
    return objectOf(JSON.parse(body.toString()))
  } catch {
    return {}
  }
}
