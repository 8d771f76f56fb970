/** Through real processes and back, while nothing goes wrong. */
import { afterEach, test } from '@jest/globals'
import { describeWithRedis } from '../helpers/redis'
import { openStage, type Stage } from './stage'

describeWithRedis('a front process and two workers in another', () => {
  let stage: Stage | undefined
  afterEach(async () => {
    await stage?.stop()
  })

  test('2,000 mixed requests are all answered right, nothing is left in Redis, and SIGTERM ends all', async () => {
    stage = await openStage([{ name: 'roundtrip', workers: 2 }])
    for (const { load } of stage.cells) await load.burst(2000, 64)
    await stage.close()
  })
})
