/** HTTP clients that look closely: every field as it came, every byte, and whether the response was whole. */
import { type IncomingMessage, request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { Bells } from '../wait.js'

export interface ClientRequest {
  method?: string
  headers?: Record<string, string | string[]>
  body?: Buffer | string | undefined
  /** In pieces, without a content-length. */
  chunked?: boolean
}

export interface Response {
  status: number
  /** In lower case; several of one name in turn. */
  fields: [name: string, value: string][]
  body: Buffer
  /** The end came as HTTP has it, not by a cut. */
  complete: boolean
}

export class Exchange {
  head: IncomingMessage | undefined
  /** Interim responses, such as 100. */
  readonly interim: number[] = []
  readonly response: Promise<Response>
  readonly #bells = new Bells()
  /** Of the body, put together when somebody looks: once for each piece would cost the square of its length. */
  #pieces: Buffer[] = []
  #bytes = 0
  #leave: () => void = () => undefined
  #over = false

  constructor(url: URL, { method = 'GET', headers = {}, body, chunked = false }: ClientRequest) {
    this.response = new Promise((resolve, reject) => {
      const make = url.protocol === 'https:' ? httpsRequest : httpRequest
      // The path as it stands: URL would tidy it.
      const sent = make(url, { method, headers, agent: false, path: rawPath(url) })
      this.#leave = () => sent.destroy()
      sent.on('information', ({ statusCode }) => void this.interim.push(statusCode))
      sent.on('error', (error) => {
        this.#over = true
        this.#bells.ringAll()
        reject(error)
      })
      sent.on('response', (head) => {
        this.head = head
        const finish = (): void => {
          this.#over = true
          this.#bells.ringAll()
          resolve(this.#end(head))
        }
        head.on('data', (piece: Buffer) => {
          this.#pieces.push(piece)
          this.#bytes += piece.length
          this.#bells.ring('')
        })
        head.on('error', () => undefined)
        head.on('close', finish)
        this.#bells.ring('')
      })
      if (chunked) for (const piece of pieces(body)) sent.write(piece)
      sent.end(chunked ? undefined : body)
    })
    this.response.catch(() => undefined)
  }

  /** Of the body, so far. */
  get body(): Buffer {
    if (this.#pieces.length !== 1) this.#pieces = [Buffer.concat(this.#pieces)]
    return this.#pieces[0] ?? Buffer.alloc(0)
  }

  /** Goes away without waiting for more. */
  leave(): void {
    this.#leave()
  }

  pause(): void {
    this.head?.pause()
  }

  resume(): void {
    this.head?.resume()
  }

  /** Until the head is here and so many bytes of the body, or the end, or the time is over. */
  async arrived(bytes: number, limitMs: number): Promise<boolean> {
    const end = performance.now() + limitMs
    while (!(this.head && this.#bytes >= bytes)) {
      const left = end - performance.now()
      if (this.#over || left <= 0) return false
      await this.#bells.next('', left)
    }
    return true
  }

  #end(head: IncomingMessage): Response {
    const fields: [string, string][] = []
    for (let i = 0; i + 1 < head.rawHeaders.length; i += 2)
      fields.push([(head.rawHeaders[i] ?? '').toLowerCase(), head.rawHeaders[i + 1] ?? ''])
    return { status: head.statusCode ?? 0, fields, body: this.body, complete: head.complete }
  }
}

function rawPath(url: URL): string {
  return url.href.slice(url.origin.length)
}

function pieces(body: Buffer | string | undefined): Buffer[] {
  const bytes = Buffer.from(body ?? '')
  const half = Math.ceil(bytes.length / 2)
  return [bytes.subarray(0, half), bytes.subarray(half)].filter(({ length }) => length > 0)
}

export function valuesOf({ fields }: Response, name: string): string[] {
  return fields.filter(([key]) => key === name).map(([, value]) => value)
}
