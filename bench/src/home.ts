/**
 * What one run of the bench owns: a temporary folder, and everything that has to be ended with it.
 *
 * Closing ends things in the reverse order of their start. Processes are killed once more when this process exits, so
 * that an error or Ctrl-C leaves no server behind. Nothing outside the home is ever signalled.
 */

import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, mkdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

type Close = () => Promise<void>

export class Home {
  readonly folder = mkdtempSync(join(tmpdir(), 'tempest-bench-'))
  /** Flags for the Node processes under test that are started from now on. */
  nodeFlags = ['--expose-gc']
  readonly #closes: Close[] = []
  readonly #processes = new Set<ChildProcess>()
  #closed: Promise<void> | undefined

  constructor() {
    process.on('exit', this.#killAll)
    process.once('SIGINT', this.#interrupt)
    process.once('SIGTERM', this.#interrupt)
  }

  /** True as soon as the run is over: what fails from then on fails because it was ended. */
  get closing(): boolean {
    return this.#closed !== undefined
  }

  /** A folder of its own for one server. */
  createFolder(name: string): string {
    const path = join(this.folder, name)
    mkdirSync(path, { recursive: true })
    return path
  }

  onClose(close: Close): void {
    this.#closes.push(close)
  }

  /** Takes over a process; it is killed, at the latest, when this one exits. */
  own(child: ChildProcess): void {
    this.#processes.add(child)
    child.once('exit', () => this.#processes.delete(child))
  }

  close(): Promise<void> {
    this.#closed ??= this.#closeAll()
    return this.#closed
  }

  async #closeAll(): Promise<void> {
    for (const close of this.#closes.reverse()) {
      await close().catch((error: unknown) => console.error('while ending the bench:', error))
    }
    process.off('SIGINT', this.#interrupt)
    process.off('SIGTERM', this.#interrupt)
    this.#killAll()
    process.off('exit', this.#killAll)
  }

  readonly #interrupt = (): void => {
    console.error('interrupted: ending every process of the bench')
    void this.close().finally(() => process.exit(130))
  }

  readonly #killAll = (): void => {
    for (const child of this.#processes) child.kill('SIGKILL')
    rmSync(this.folder, { recursive: true, force: true })
  }
}
