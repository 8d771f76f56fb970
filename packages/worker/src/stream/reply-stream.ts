/** A reply in pieces, as a handler sees it. */

/** What a handler writes a reply with that it makes piece by piece. */
export interface ReplyStream {
  /**
   * Adds a piece. Resolves when there is room for the next one: await it, and the handler runs as fast as its client reads. An empty piece says that
   * the handler is alive.
   * @throws TempestError CANCELLED where nobody waits any more. TypeError for anything but text and bytes.
   */
  write(piece: string | Uint8Array): Promise<void>
  /** Ends it, with a last piece if given. Resolves when the front has all of it. @throws as `write`. */
  end(piece?: string | Uint8Array): Promise<void>
}
