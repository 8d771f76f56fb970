/** The worker's scripts; what each does stands at the head of its file in `lua/`. */
import { join } from 'node:path'
import { loadScript } from '@tempest/protocol'

const lua = (name: string): ReturnType<typeof loadScript> =>
  loadScript(join(__dirname, '..', 'lua', `${name}.lua`))

export const takeScript = lua('take')
export const beatScript = lua('beat')
export const returnScript = lua('return')
export const markScript = lua('mark')
