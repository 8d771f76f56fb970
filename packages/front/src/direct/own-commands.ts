/** What a worker says of itself over a direct connection: `node <boot>`, `wait <ms>`. Pure. */
import { MAX_WAIT_MS } from './limits.js'
import { error, type Reply } from './resp.js'

export type OwnCommand = { boot: string } | { waitMs: number } | { refused: Reply }

const bootName = /^[\w-]{1,64}$/

export function readOwn(args: readonly Buffer[]): OwnCommand {
  const [name = '', value = ''] = args.map((arg) => arg.toString('latin1', 0, 65))
  switch (args.length === 2 ? name.toLowerCase() : '') {
    case 'node':
      return bootName.test(value) ? { boot: value } : refused('that is no boot')
    case 'wait':
      return /^\d{1,7}$/.test(value) && Number(value) <= MAX_WAIT_MS
        ? { waitMs: Number(value) }
        : refused(`use milliseconds, ${MAX_WAIT_MS} at the most`)
    default:
      return refused(`unknown command '${name}'`)
  }
}

function refused(reason: string): OwnCommand {
  return { refused: error(reason) }
}
