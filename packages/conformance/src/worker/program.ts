/** A worker's command as a process group of its own: started, watched, ended. The last of what it says is kept. */
import { type ChildProcess, spawn } from 'node:child_process'

const MAX_KEPT = 4000
const alive = new Set<Program>()
process.on('exit', () => {
  for (const program of alive) program.signal('SIGKILL')
})

export class Program {
  readonly #child: ChildProcess
  #said = ''
  #end: string | undefined
  readonly ended: Promise<void>

  constructor(command: readonly string[], env: NodeJS.ProcessEnv) {
    const [name = '', ...args] = command
    // A group of its own: a command may be a shell or npm, with the worker below it.
    const options = { env, detached: true }
    this.#child = spawn(name, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
    alive.add(this)
    const keep = (text: Buffer): void => {
      this.#said = (this.#said + text.toString()).slice(-MAX_KEPT)
    }
    this.#child.stdout?.on('data', keep)
    this.#child.stderr?.on('data', keep)
    this.ended = new Promise((resolve) => {
      const over = (how: string): void => {
        this.#end ??= how
        resolve()
      }
      this.#child.on('error', (error) => over(error.message))
      this.#child.on('exit', (code, signal) => over(`it ended with ${String(signal ?? code)}`))
    })
  }

  /** How it ended, and what it said; undefined while it runs. */
  get end(): string | undefined {
    return this.#end === undefined ? undefined : `${this.#end}. ${this.#said.trim()}`
  }

  get said(): string {
    return this.#said.trim()
  }

  signal(name: NodeJS.Signals): void {
    const { pid } = this.#child
    if (pid === undefined) return
    try {
      process.kill(-pid, name)
    } catch {
      // the group is gone already
    }
  }

  /** The command's own process, and none that it has started. */
  async killFirst(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.ended
  }

  /** All of its group. What has left that may live on; nothing waits for what it says. */
  async kill(): Promise<void> {
    this.signal('SIGKILL')
    await this.ended
    alive.delete(this)
    this.#child.stdout?.destroy()
    this.#child.stderr?.destroy()
  }
}
