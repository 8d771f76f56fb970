#!/usr/bin/env node
// tempest-conformance: what it does stands in dist/main.js, which `npm run build` makes.
import { existsSync } from 'node:fs'

const built = new URL('./dist/main.js', import.meta.url)
if (existsSync(built)) {
  const { default: main } = await import(built.href)
  // A case that was given up may wait for something still.
  process.exit(await main.main(process.argv.slice(2)))
} else {
  console.error('tempest-conformance: it is not built yet: npm run build')
  process.exitCode = 2
}
