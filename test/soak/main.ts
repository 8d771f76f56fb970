/**
 * The soak: everything that can die, stop, stall or leave, mixed, round after round at full size, with the account of the
 * scenarios. Exit code 1: a promise was broken.
 */
import { parseArgs } from 'node:util'
import { Soak } from './soak'

const usage = `npm run soak -- [options]

  --minutes 30   how long
  --rate 150     requests a second, beside those that come with the troubles
  --round 12     seconds of trouble before each quiet moment, in which everything is checked`

export async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      minutes: { type: 'string', default: '30' },
      rate: { type: 'string', default: '150' },
      round: { type: 'string', default: '12' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  const [minutes, rate, round] = [values.minutes, values.rate, values.round].map(Number)
  if (values.help || ![minutes, rate, round].every((each) => Number(each) > 0)) {
    console.log(usage)
    return
  }
  const soak = await Soak.open(Number(rate))
  // Ctrl-C ends the round, and is told its account.
  const interrupt = new AbortController()
  process.once('SIGINT', () => interrupt.abort())
  try {
    const endAt = performance.now() + Number(minutes) * 60_000
    let sayAt = performance.now() + 60_000
    while (performance.now() < endAt && !interrupt.signal.aborted && soak.sound) {
      await soak.round(Number(round) * 1000)
      if (performance.now() < sayAt) continue
      sayAt += 60_000
      console.log(soak.progress())
    }
    await soak.close()
  } catch (error) {
    soak.tally.violations.push(String(error))
  } finally {
    console.log(soak.report())
    await soak.stop()
  }
  if (soak.tally.violations.length > 0) process.exitCode = 1
}
