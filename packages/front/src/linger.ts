/**
 * Refuses a request whose body is still arriving, so that the client reads the refusal.
 *
 * A socket closed with unread bytes is reset, and a reset can overtake the response. So the response goes out whole at once,
 * and what still arrives is thrown away for a short time, within a bound, before the connection closes.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'

const LINGER_MS = 1000
const LINGER_BYTES = 16 * 1024 * 1024

export function endAfterBody(
  req: IncomingMessage,
  res: ServerResponse,
  head: { status: number; headers: Record<string, string | number>; body: string },
): void {
  if (req.readableEnded) {
    res.writeHead(head.status, head.headers)
    res.end(head.body)
    return
  }
  res.writeHead(head.status, { ...head.headers, connection: 'close' })
  res.write(req.method === 'HEAD' ? '' : head.body)
  let bytes = 0
  const end = (): void => {
    clearTimeout(timer)
    req.off('data', count)
    req.off('end', end)
    req.off('close', end)
    res.end()
  }
  const count = (chunk: Buffer): void => {
    bytes += chunk.length
    if (bytes > LINGER_BYTES) end()
  }
  const timer = setTimeout(end, LINGER_MS).unref()
  req.on('data', count)
  req.once('end', end)
  req.once('close', end)
}
