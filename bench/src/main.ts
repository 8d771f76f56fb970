/**
 * `npm run bench`: runs a suite and ends every process it started, also on errors and Ctrl-C.
 *
 * Exit code 1: a cell was void or something could not run. Goals that are missed do not fail it: figures of a noisy
 * machine are for people.
 */

import { compare } from './compare.js'
import { measureDurability } from './durability.js'
import { measureEncodings } from './encodings.js'
import { measureGrowth } from './growth.js'
import { Home } from './home.js'
import { measureLanguages } from './languages/languages.js'
import { measureMillion } from './million.js'
import { readOptions, usage, type Options } from './options.js'
import { runProfile } from './profile.js'
import { measureStreams } from './streams/streams.js'
import { measureSub } from './sub.js'

async function main(args: readonly string[]): Promise<void> {
  const options = readOptions(args)
  if (options === undefined) {
    console.log(usage)
    return
  }
  const home = new Home()
  try {
    if (!(await run(home, options))) process.exitCode = 1
  } catch (error) {
    if (!home.closing) throw error
  } finally {
    await home.close()
  }
}

async function run(home: Home, options: Options): Promise<boolean> {
  if (options.profile !== undefined) {
    await runProfile(home, options.profile, options)
    return true
  }
  const { suite } = options
  let valid = true
  if (suite === 'compare' || suite === 'all') valid = await compare(home, options)
  if (suite === 'growth' || suite === 'all') valid = (await measureGrowth(home, options)) && valid
  if (suite === 'million' || suite === 'all') valid = (await measureMillion(home, options)) && valid
  if (suite === 'durability' || suite === 'all') {
    valid = (await measureDurability(home, options)) && valid
  }
  if (suite === 'sub' || suite === 'all') valid = (await measureSub(home, options)) && valid
  if (suite === 'encodings' || suite === 'all') {
    valid = (await measureEncodings(home, options)) && valid
  }
  if (suite === 'streams' || suite === 'all') valid = (await measureStreams(home, options)) && valid
  if (suite === 'languages' || suite === 'all') {
    valid = (await measureLanguages(home, options)) && valid
  }
  return valid
}

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error instanceof TypeError ? error.message : error)
  process.exitCode = 1
})
