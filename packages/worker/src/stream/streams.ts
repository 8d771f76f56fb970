/**
 * The streamed replies of one worker: which way each goes, and what fronts say to them in this worker's own mailbox, which is made when the first
 * of them needs it.
 */
import { type Connections, decodeEntry, encodeFail, Mailbox } from '@tempest/protocol'
import type { RunningJob, StreamOpener } from '../job.js'
import type { Replies } from '../replies.js'
import { DirectWay } from '../direct/direct-way.js'
import { Peers } from '../direct/peers.js'
import { MailboxWay } from './mailbox-way.js'
import { OutgoingStream } from './outgoing-stream.js'
import { Nowhere, type Way } from './way.js'

/** So much may be on its way through Redis: all of it stands before whatever comes next. */
const ALL_BYTES = 4 * 1024 * 1024
const LEAST_BYTES = 8 * 1024

export class Streams implements StreamOpener {
  /** Told when the reply to a job is over: it, or its failure, has arrived, or nobody waits for it. */
  ended: (job: RunningJob, how: 'answered' | 'failed' | 'cancelled') => void = () => undefined
  readonly #connections: Connections
  readonly #replies: Replies
  readonly #own: string
  readonly #open = new Map<string, { stream: OutgoingStream; way: MailboxWay | undefined }>()
  readonly #peers: Peers | undefined
  #mailbox: Mailbox | undefined

  /** @param direct how fronts are reached that listen themselves; undefined: never */
  constructor(
    connections: Connections,
    replies: Replies,
    direct: { password: string | undefined } | undefined,
  ) {
    this.#connections = connections
    this.#replies = replies
    this.#own = Mailbox.keyOf(connections)
    const { logger } = connections.options
    this.#peers = direct && new Peers(connections.boot, direct.password, logger)
    connections.every(() => Promise.resolve(this.#look()))
  }

  get size(): number {
    return this.#open.size
  }

  openStream(job: RunningJob, head: string): OutgoingStream {
    return new OutgoingStream(job.id, head, {
      chooseWay: (stream) => this.#choose(stream, job),
      closed: ({ id }, how) => {
        this.#open.delete(id)
        this.ended(job, how)
      },
      gone: () => job.drop('cancelled'),
      refused: (reason) => {
        const { logger } = this.#connections.options
        logger.warn({ id: job.id, reason }, 'the front refused a reply')
        // It may have refused to read it at all: then it knows of nothing yet.
        const failure = encodeFail(job.id, { code: 'BAD_REPLY', message: reason }, job.encoding)
        if (job.respondTo !== null) this.#replies.add(job.respondTo, failure, () => undefined)
        job.drop('cancelled')
      },
    })
  }

  /** A job has come: its front will miss this worker at once should it die. */
  meet({ direct, base, respondTo }: RunningJob): void {
    if (direct !== undefined && respondTo !== null) this.#peers?.of(direct, base)
  }

  async stop(): Promise<void> {
    this.#peers?.stop()
    await this.#mailbox?.stop()
  }

  #choose(stream: OutgoingStream, { respondTo, direct, base, encoding }: RunningJob): Way {
    if (respondTo === null) return new Nowhere(stream)
    const peer = direct === undefined ? undefined : this.#peers?.of(direct, base)
    if (peer?.soon === true) {
      this.#keep(stream, undefined)
      return new DirectWay(stream, peer)
    }
    this.#mailbox ??= new Mailbox(this.#connections, (bytes) => this.#deliver(bytes))
    const share = (): number => Math.max(LEAST_BYTES, ALL_BYTES / this.#open.size)
    const way = new MailboxWay(stream, this.#replies, respondTo, this.#own, share, encoding)
    this.#keep(stream, way)
    return way
  }

  #keep(stream: OutgoingStream, way: MailboxWay | undefined): void {
    this.#open.set(stream.id, { stream, way })
  }

  #deliver(bytes: Buffer): void {
    const entry = decodeEntry(bytes)
    if (!('id' in entry)) return
    const known = this.#open.get(entry.id)
    if (!known?.way) return
    if (entry.verb === 'fail') known.stream.gone()
    else if (entry.verb === 'pause') known.way.paused = true
    else if (entry.verb === 'resume') {
      known.way.paused = false
      known.stream.taken(entry.count ?? 0)
    }
  }

  #look(): void {
    this.#peers?.look()
    for (const { stream } of this.#open.values()) stream.ask()
  }
}
