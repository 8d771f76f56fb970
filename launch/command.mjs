// Runs a command in the foreground, its output ours. A signal that ends us ends the command first,
// so that Ctrl-C or kill during an installation leaves no npm behind.
import { spawn } from 'node:child_process'

/** Resolves the exit code; 1 if the command could not be started; 128 + n if signal n ended it. */
export function runCommand(command, args, options) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: 'inherit', ...options })
    const ended = (code) => {
      for (const [signal, listener] of forwards) process.off(signal, listener)
      resolve(code)
    }
    const forwards = Object.entries({ SIGHUP: 129, SIGINT: 130, SIGTERM: 143 }).map(
      ([signal, code]) => {
        const listener = () => {
          child.kill(signal)
          child.once('close', () => process.exit(code))
        }
        process.on(signal, listener)
        return [signal, listener]
      },
    )
    child.once('error', (error) => {
      console.error(error.message)
      ended(1)
    })
    child.once('close', (code) => ended(code ?? 1))
  })
}

/** npm, the one that runs us where there is one: a PATH may hold another, or none. */
export function runNpm(args, options) {
  const script = process.env.npm_execpath ?? ''
  return /npm-cli\.[cm]?js$/.test(script)
    ? runCommand(process.execPath, [script, ...args], options)
    : runCommand('npm', args, options)
}
