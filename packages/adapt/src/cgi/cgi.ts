/**
 * A CGI program (RFC 3875) for each request: so a PHP script works as it is, by php-cgi.
 *
 * Which program runs is fixed; nothing a request says chooses a file, becomes an argument, or reaches a shell.
 */
import { HttpError, type UrlHandler } from '@tempest/worker'
import { dirname, resolve } from 'node:path'
import { Readable } from 'node:stream'
import { readLimits } from '../options.js'
import { type Head, toResponse } from '../response.js'
import { environmentOf } from './environment.js'
import { findBody, readHead } from './output.js'
import { type Program, startProgram } from './program.js'

export interface CgiOptions {
  /** What the program runs, as SCRIPT_FILENAME: for interpreters such as php-cgi. */
  script?: string | undefined
  /** Variables beside those of the request. PATH is ours. @defaultValue none */
  env?: Readonly<Record<string, string>> | undefined
  /** The program is killed after so many ms, the job's own deadline may come first. @defaultValue 30000 */
  timeoutMs?: number | undefined
  /** Responses up to this length, where the program says it, are read whole. @defaultValue 65536 */
  collectBytes?: number | undefined
}

/**
 * A handler for `worker.on('url', …)`.
 * @param command the program and its arguments @throws TypeError that names the option
 */
export function cgi(
  [command, ...args]: readonly [string, ...string[]],
  options: CgiOptions = {},
): UrlHandler {
  if (typeof (command as unknown) !== 'string' || command === '') {
    throw new TypeError('command: use a list of the program and its arguments')
  }
  const script = options.script === undefined ? undefined : resolve(options.script)
  // A bash whose input is a socket, as Node's pipes are, reads .bashrc unless it was started by another.
  const env = { PATH: process.env['PATH'] ?? '/usr/bin:/bin', SHLVL: '1', ...options.env }
  const { collectBytes, timeoutMs } = readLimits(options)
  // Where the program that was meant lies (RFC 3875, 7.2).
  const cwd =
    script === undefined && !command.includes('/') ? process.cwd() : dirname(script ?? command)

  return async (request, job) => {
    const variables = environmentOf(request, { script, env })
    const program = startProgram(
      { command, args, cwd, timeoutMs },
      variables,
      request.body,
      job.signal,
    )
    try {
      const pieces = piecesOf(program)
      const { head, first } = await readTo(pieces)
      const body = Readable.from(readOn(program, first, pieces, head.status), { objectMode: false })
      body.once('close', () => program.kill())
      return await toResponse(request.method, head, body, collectBytes)
    } catch (error) {
      program.kill()
      throw error
    }
  }
}

/** Up to the end of the head, and what came with it. */
async function readTo(
  pieces: AsyncGenerator<Buffer, void>,
): Promise<{ head: Head; first: Buffer }> {
  let read = Buffer.alloc(0)
  for (;;) {
    const step = await pieces.next()
    if (step.done === true) throw new HttpError(502, 'CGI: the output ended within its head')
    read = Buffer.concat([read, step.value])
    const found = findBody(read)
    if (found) {
      return { head: readHead(read.subarray(0, found.end)), first: read.subarray(found.body) }
    }
  }
}

/** The rest. One that failed behind its head breaks its reply, unless that says so itself, as PHP's does. */
async function* readOn(
  { ended }: Program,
  first: Buffer,
  pieces: AsyncGenerator<Buffer, void>,
  status: number,
): AsyncGenerator<Buffer, void> {
  if (first.length > 0) yield first
  try {
    yield* pieces
  } catch (error) {
    if (status < 500 || (await ended)?.status === 504) throw error
  }
}

/** What it writes. Ends where it ended well. */
async function* piecesOf({ output, ended }: Program): AsyncGenerator<Buffer, void> {
  let broken: unknown
  try {
    for await (const piece of output as AsyncIterable<Buffer>) yield piece
  } catch (error) {
    broken = error
  }
  const fault = await ended
  if (fault) throw fault
  if (broken !== undefined) {
    throw new HttpError(502, 'CGI: the output broke', { cause: broken })
  }
}
