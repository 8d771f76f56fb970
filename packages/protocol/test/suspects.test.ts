/** Nodes of which a direct connection has ended: Redis is asked for its clients, however many are suspected at once. */
import { afterEach, expect, test } from '@jest/globals'
import { createNode, type Node, silentLogger } from '@tempest/protocol'
import { describeWithRedis, startTestRedis, type TestRedis } from '../../../test/helpers/redis'
import { until } from '../../../test/helpers/until'

describeWithRedis('suspects', () => {
  let redis: TestRedis
  let node: Node | undefined
  afterEach(async () => {
    await node?.stop()
    await redis.stop()
  })

  async function open(): Promise<Node> {
    redis = await startTestRedis()
    node = createNode({ redis: redis.url, logger: silentLogger })
    node.openMailbox()
    await until(async () => (await redis.cli('HLEN', 'tempest:nodes')) === 1)
    return node
  }
  async function calls(command: string): Promise<number> {
    const stats = String(await redis.cli('INFO', 'commandstats'))
    return Number(new RegExp(`^cmdstat_${command}:calls=(\\d+)`, 'm').exec(stats)?.[1] ?? 0)
  }

  test('of which there is no record cost no look at the clients', async () => {
    const opened = await open()
    const before = await calls('hget')
    for (let n = 0; n < 300; n++) opened.suspect(`nobody${n}`)
    await until(async () => (await calls('hget')) >= before + 300)
    expect(await calls('client\\|list')).toBe(0)
  })

  test('many at once share a look, and each is swept', async () => {
    const opened = await open()
    const record = JSON.stringify({ role: 'worker', queues: ['q'], patience: 60_000, named: true })
    const boots = Array.from({ length: 200 }, (_, n) => n.toString(16).padStart(16, '0'))
    for (const boot of boots) await redis.cli('HSET', 'tempest:nodes', boot, record)
    for (const boot of boots) opened.suspect(boot)
    await until(async () => (await redis.cli('HLEN', 'tempest:nodes')) === 1)
    expect(await calls('client\\|list')).toBeLessThan(20)
  })
})
