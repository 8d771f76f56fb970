/**
 * What a front or worker tells the `npm start` that started it, over the channel that Node makes
 * between them: that it is ready, or why it cannot be. The other way goes nothing: orders are
 * signals, and the end of the channel is one too.
 */

export type Report = { ready: true; port?: number } | { refused: string }

/** Whether there is somebody to report to. */
export function hasParent(): boolean {
  return process.send !== undefined
}

/** Resolves when it is on its way; without a parent, or with one that is gone, at once. */
export function sendReport(report: Report): Promise<void> {
  return new Promise((resolve) => {
    if (process.send && process.connected) process.send(report, () => resolve())
    else resolve()
  })
}

/** Undefined: not one of ours. */
export function readReport(message: unknown): Report | undefined {
  if (typeof message !== 'object' || message === null) return undefined
  if ('refused' in message) return { refused: String(message.refused) }
  if (!('ready' in message)) return undefined
  return 'port' in message ? { ready: true, port: Number(message.port) } : { ready: true }
}
