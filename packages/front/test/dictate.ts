/** A front whose worker replies what the request's header x-reply says, in JSON. */
import { type Answer, ask, get, type Question, RawClient } from './client'
import { fieldsOf, Hand, serve } from './serve'

/** @returns the port. */
export async function dictate(redis: string, app?: Parameters<typeof serve>[1]): Promise<number> {
  const { port } = await serve({ redis }, app)
  new Hand(redis).answerAll((job) => {
    const headers = fieldsOf(fieldsOf(job.args[0])['headers'])
    return JSON.parse(String(headers['x-reply']))
  })
  return port
}

export function replied(port: number, result: unknown, question: Question = {}): Promise<Answer> {
  return ask(port, '/', { ...question, headers: { 'x-reply': ascii(result) } })
}

/** The bytes of the response. */
export function rawReplied(port: number, result: unknown): Promise<string> {
  return RawClient.tell(port, get('/', `x-reply: ${ascii(result)}`, 'Connection: close'))
}

/** JSON in characters that a header may have. */
export function ascii(value: unknown): string {
  return JSON.stringify(value).replace(/[^\x20-\x7e]/g, (c) => {
    return `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}
