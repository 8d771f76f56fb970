// What load.ts expects of every worker: what was asked, the digest of what was sent, and as many bytes as were wanted.
import { createHash } from 'node:crypto'

/** @param {{ method: string, url: string, body: Buffer }} request */
export function answerTo({ method, url, body }) {
  const bytes = Number(new URL(url, 'http://worker').searchParams.get('bytes'))
  const head = `${method} ${url} ${createHash('sha1').update(body).digest('hex')} `
  return Buffer.concat([Buffer.from(head), Buffer.alloc(bytes, 0xe4)])
}
