import { expect, test } from '@jest/globals'
import { makeBanner, type Running } from '../src/banner'

const running: Running = {
  url: 'http://localhost:1337',
  front: { pid: 10, queues: ['tempest'], sub: true },
  workers: { pids: [11, 12], concurrency: 64 },
  redis: { pid: 13, shown: 'redis://127.0.0.1:4000', version: '7.0.15', origin: 'private' },
  commands: {
    cli: 'redis-cli -p 4000',
    worker: 'TEMPEST_REDIS_URL=redis://127.0.0.1:4000 npm run worker',
    secret: undefined,
  },
  has: () => true,
}

test('the banner tells what runs where and commands to try', () => {
  expect(makeBanner(running)).toBe(`
Tempest is up. Ctrl-C ends it.

  front    pid 10     http://localhost:1337 → queue tempest
  worker   pid 11     Node, 64 jobs at a time
  worker   pid 12     Node, 64 jobs at a time
  Redis    pid 13     redis://127.0.0.1:4000, 7.0.15, private

To try, in another terminal:

  curl http://localhost:1337/hello
  curl -d 'any text' http://localhost:1337/
  curl 'http://localhost:1337/slow?ms=500'
  curl -i http://localhost:1337/gone
  curl -N http://localhost:1337/stream
  redis-cli -p 4000 RPUSH tempest '["add",[2,3],"answers","job-1"]'
  redis-cli -p 4000 BLPOP answers 3
  curl -N http://localhost:1337/sub/test
  redis-cli -p 4000 PUBLISH test '["Bob"]'
  redis-cli -p 4000 XADD tempest:events MAXLEN '~' 100000 '*' channel test data '["Bob"]'
  TEMPEST_REDIS_URL=redis://127.0.0.1:4000 npm run worker
  siege -b -c 64 -t 10S http://localhost:1337/
`)
})

test('what needs a program that is not here is left out', () => {
  const banner = makeBanner({
    ...running,
    commands: { ...running.commands, cli: undefined },
    has: () => false,
  })
  expect(banner).not.toMatch(/curl|redis-cli|siege|undefined/)
  expect(banner).toContain('npm run worker')
})

test('a queue whose name a shell would read otherwise is quoted', () => {
  const banner = makeBanner({ ...running, front: { pid: 10, queues: ["it's"], sub: true } })
  expect(banner).toContain(`redis-cli -p 4000 RPUSH 'it'\\''s' `)
})
