/** The adapters of examples/apps: how each is started, with one thread, and with an application that a test writes. */
import { describe } from '@jest/globals'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { endAll, type Launched, type } from '../../launch/test/launched'
import { elementsOf } from '../helpers/json'
import { describeWithRedis, startTestRedis, type TestRedis } from '../helpers/redis'
import { until } from '../helpers/until'

interface Adapter {
  name: 'tempest_wsgi.py' | 'tempest_rack.rb'
  needs: string
  program: string
  /** What the program is told, and the file that is meant. */
  app: string
  file: string
}

const wsgi: Adapter = {
  name: 'tempest_wsgi.py',
  needs: `/usr/bin/python3 -c 'import redis'`,
  program: `exec /usr/bin/python3 ${resolve('examples/apps/wsgi/tempest_wsgi.py')}`,
  app: 'app',
  file: 'app.py',
}
const rack: Adapter = {
  name: 'tempest_rack.rb',
  needs: `ruby -e 'require "redis"; require "rack"'`,
  program: `exec ruby ${resolve('examples/apps/rack/tempest_rack.rb')}`,
  app: 'config.ru',
  file: 'config.ru',
}

/** One suite for each adapter, with that application. Skipped by name where its language is missing, but not on CI. */
export function describeAdapters(
  applications: { wsgi: string; rack: string },
  suite: (adapter: Adapter, application: string) => void,
): void {
  for (const key of ['wsgi', 'rack'] as const) {
    const adapter = { wsgi, rack }[key]
    const { name, needs } = adapter
    const lacks = process.env.CI !== 'true' && spawnSync('sh', ['-c', needs]).status !== 0
    const title = lacks ? `${name} (skipped: this fails here: ${needs})` : name
    const describeIt = lacks ? describe.skip : describeWithRedis
    describeIt(title, () => suite(adapter, applications[key]))
  }
}

/** An adapter that runs, on a Redis of its own. */
export interface RunningAdapter {
  redis: TestRedis
  folder: string
  worker: Launched
  /** The next entry of the list that was named as mailbox. */
  replyAt(list: string): Promise<unknown[]>
  end(): Promise<void>
}

export async function startAdapter(
  { program, app, file }: Adapter,
  application: string,
  queue: string,
): Promise<RunningAdapter> {
  const redis = await startTestRedis()
  const folder = mkdtempSync(join(tmpdir(), 'tempest-adapter-'))
  writeFileSync(join(folder, file), application)
  const worker = type(`cd ${folder} && ${program} ${app}`, {
    ...{ TEMPEST_REDIS_URL: redis.url, TEMPEST_QUEUES: queue, TEMPEST_CONCURRENCY: '1' },
  })
  await worker.says(`works for ${queue}, 1 at a time`)
  return {
    ...{ redis, folder, worker },
    replyAt: (list) =>
      until(async () => {
        const text = await redis.cli('LPOP', list)
        return typeof text === 'string' ? elementsOf(JSON.parse(text)) : undefined
      }),
    async end() {
      await endAll()
      rmSync(folder, { recursive: true })
      await redis.stop()
    },
  }
}
