/**
 * A server may answer before it has read the request, and close: writing fails then while its answer lies there to be read, and Node would drop both.
 *
 * Here what cannot be written is forgotten, and what is read tells what became of the request.
 */
import type { ClientRequest, IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { codeOf, isHangUp } from './failures.js'

/** For the head of an answer. One that is there already takes no time; a server that shut its ear only has this long. */
const HEAR_MS = 1000

type Done = (error?: Error | null) => void

/** To be called before the request has its connection. */
export function hearOut(outgoing: ClientRequest): void {
  outgoing.once('socket', (socket) => {
    let failed: Error | undefined
    let response: IncomingMessage | undefined
    let late: NodeJS.Timeout | undefined
    const restore = tapWrites(socket, (error) => {
      failed ??= error
      // Of a response that has begun, its end and its silence are looked at elsewhere.
      if (!response) late ??= setTimeout(() => socket.destroy(error), HEAR_MS)
    })
    const ended = (): void => {
      // What was reset may lack its last bytes, and only a length or chunks would tell. One that broke after an end had arrived (EPIPE) lacks none.
      if (codeOf(failed) === 'ECONNRESET' && response && isUnframed(response)) {
        response.destroy(failed)
      }
    }
    socket.prependOnceListener('end', ended)
    outgoing.once('response', (begun) => {
      response = begun
      clearTimeout(late)
      // It must not serve another request.
      begun.once('end', () => failed && socket.destroy())
    })
    outgoing.once('close', () => {
      clearTimeout(late)
      socket.off('end', ended)
      restore()
    })
  })
}

/** Errors of a connection that the other side has closed go to `failed`, and the bytes count as written. */
function tapWrites(socket: Socket, failed: (error: Error) => void): () => void {
  const { _write: write, _writev: writev } = socket
  const forgive =
    (done: Done): Done =>
    (error) => {
      if (!error || !isHangUp(error)) return done(error)
      failed(error)
      done()
    }
  socket._write = (chunk, encoding, done) => write.call(socket, chunk, encoding, forgive(done))
  if (writev) socket._writev = (chunks, done) => writev.call(socket, chunks, forgive(done))
  return () => Object.assign(socket, { _write: write, _writev: writev })
}

function isUnframed({ complete, headers }: IncomingMessage): boolean {
  const framed = headers['content-length'] ?? headers['transfer-encoding']
  return !complete && framed === undefined
}
