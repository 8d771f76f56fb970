/**
 * Expect: 100-continue. The client is asked for its body when somebody begins to read it, not before:
 * so a request that is refused by its headers costs no body (RFC 9110, 10.1.1).
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http'

/** Answers `Expect: 100-continue` for all handlers of a server. */
export function attachExpect(server: Server): void {
  server.on('checkContinue', (req: IncomingMessage, res: ServerResponse) => {
    const reading = (event: string): void => {
      if (event !== 'data' && event !== 'readable') return
      req.off('newListener', reading)
      if (!res.headersSent) res.writeContinue()
    }
    req.on('newListener', reading)
    server.emit('request', req, res)
  })
}
