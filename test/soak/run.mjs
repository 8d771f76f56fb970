// `npm run soak -- --minutes N`. Runs main.ts as it stands: like the tests it is TypeScript that nobody builds.
import { readFileSync } from 'node:fs'
import { createRequire, Module } from 'node:module'
import { transformSync } from '@swc/core'

Module._extensions['.ts'] = (module, filename) => {
  const { code } = transformSync(readFileSync(filename, 'utf8'), {
    filename,
    swcrc: false,
    jsc: { target: 'es2023', parser: { syntax: 'typescript' } },
    module: { type: 'commonjs' },
    sourceMaps: 'inline',
  })
  module._compile(code, filename)
}

process.setSourceMapsEnabled(true)
const { main } = createRequire(import.meta.url)('./main.ts')
await main(process.argv.slice(2))
