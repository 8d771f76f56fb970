/**
 * Runs a command to its end in the background and keeps what it prints. Never throws: a command
 * that is not there or that hangs past its time is an exit code too. It does not outlive us.
 */
import { spawn } from 'node:child_process'

export interface CommandResult {
  /** null: it could not be started, was killed, or took too long. */
  code: number | null
  stdout: string
  /** What it wrote there, or why it could not be started. */
  stderr: string
}

export interface CommandOptions {
  argv0?: string
  cwd?: string
  /** Added to ours. */
  env?: Readonly<Record<string, string>>
  /** @defaultValue 5000 */
  timeoutMs?: number
}

export function runCommand(
  command: string,
  args: readonly string[],
  { argv0, cwd, env, timeoutMs = 5000 }: CommandOptions = {},
): Promise<CommandResult> {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      argv0: argv0 ?? command,
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
    })
    const kill = (): void => void child.kill('SIGKILL')
    process.once('exit', kill)
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    const end = (code: number | null, error = stderr): void => {
      process.off('exit', kill)
      resolve({ code, stdout, stderr: error })
    }
    child.once('error', (error) => end(null, error.message))
    child.once('close', (code) => end(code))
  })
}
