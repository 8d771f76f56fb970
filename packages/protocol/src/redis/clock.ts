/**
 * Redis' time, by this process' monotonic clock.
 *
 * Deadlines on the wire are in Redis' time, since it is the one clock that all nodes share. They are hints: when TIME jumps
 * against the monotonic clock by more than a second, this node stops trusting them (docs/protocol.md, P-14).
 */

import { listOf } from '../wire/list.js'

const JUMP_MS = 1000

export class RedisClock {
  #offset: number | undefined
  #trusted = true

  /** Takes a reply of TIME, `[seconds, microseconds]`, received at `at` after a round trip of `rttMs`. */
  observe(time: unknown, at: number, rttMs: number): void {
    const [seconds, micros] = listOf(time)
    const redisMs = Number(String(seconds)) * 1000 + Number(String(micros)) / 1000
    if (!Number.isFinite(redisMs)) return
    const offset = redisMs - (at - rttMs / 2)
    if (this.#offset !== undefined && Math.abs(offset - this.#offset) > JUMP_MS + rttMs) {
      this.#trusted = false
    }
    this.#offset = offset
  }

  /**
   * Takes Redis' time in ms as it was at an unknown moment between `sentAt` and `at`: no better measure, but a jump shows, and shows before the
   * jobs that came with it are judged.
   */
  witness(redisMs: number, sentAt: number, at: number): void {
    if (this.#offset === undefined) return
    const monotonic = redisMs - this.#offset
    if (monotonic < sentAt - JUMP_MS || monotonic > at + JUMP_MS) this.#trusted = false
  }

  /** False since Redis' time has jumped: deadlines that others stamped mean nothing any more. */
  get trusted(): boolean {
    return this.#trusted && this.#offset !== undefined
  }

  /** Milliseconds of Redis' time; this machine's wall clock until Redis was first heard. */
  toRedis(monotonicMs: number): number {
    return Math.round(
      this.#offset === undefined
        ? Date.now() - performance.now() + monotonicMs
        : monotonicMs + this.#offset,
    )
  }

  /** Milliseconds from now until a deadline in Redis' time; Infinity where the clock cannot be trusted. */
  untilMs(deadline: number): number {
    if (!this.trusted || this.#offset === undefined) return Infinity
    return deadline - (performance.now() + this.#offset)
  }
}
