import { describe, expect, test } from '@jest/globals'
import { isPrintable, maskUrl } from '../src/redis-url'
import { needRedis, readSettings } from '../src/settings'

describe('settings', () => {
  test('an empty environment gives the documented defaults', () => {
    expect(readSettings({ PORT: '', REDIS_URL: ' ' })).toEqual({
      redis: undefined,
      port: 1337,
      host: undefined,
      queues: ['tempest'],
      concurrency: 64,
      sub: true,
      direct: undefined,
      directPassword: undefined,
      legacy: false,
      encoding: 'json',
      logLevel: 'warn',
    })
  })

  test('every variable is read', () => {
    const settings = readSettings({
      REDIS_URL: 'redis://b',
      TEMPEST_REDIS_URL: 'rediss://user:secret@a:6380/2',
      PORT: '8080',
      HOST: '0.0.0.0',
      TEMPEST_QUEUES: 'one, two,one',
      TEMPEST_CONCURRENCY: '8',
      TEMPEST_SUB: 'off',
      TEMPEST_DIRECT: '0.0.0.0:7000',
      TEMPEST_DIRECT_ADVERTISE: 'front-1:7000',
      TEMPEST_DIRECT_PASSWORD: 'secret',
      TEMPEST_LEGACY: 'on',
      TEMPEST_ENCODING: 'msgpack',
      TEMPEST_LOG: 'debug',
    })
    expect(settings).toEqual({
      redis: { url: 'rediss://user:secret@a:6380/2', source: 'TEMPEST_REDIS_URL' },
      port: 8080,
      host: '0.0.0.0',
      queues: ['one', 'two'],
      concurrency: 8,
      sub: false,
      direct: { listen: '0.0.0.0:7000', advertise: 'front-1:7000' },
      directPassword: 'secret',
      legacy: true,
      encoding: 'msgpack',
      logLevel: 'debug',
    })
  })

  test('REDIS_URL counts when TEMPEST_REDIS_URL is not set', () => {
    expect(readSettings({ REDIS_URL: 'unix:///tmp/r.sock', TEMPEST_REDIS_URL: '' }).redis).toEqual({
      url: '/tmp/r.sock',
      source: 'REDIS_URL',
    })
  })

  test.each([
    ['PORT', 'abc'],
    ['PORT', '70000'],
    ['PORT', '-1'],
    ['PORT', '1e3'],
    ['TEMPEST_CONCURRENCY', '0'],
    ['TEMPEST_CONCURRENCY', '1.5'],
    ['TEMPEST_QUEUES', 'a:b'],
    ['TEMPEST_QUEUES', '{a}'],
    ['TEMPEST_QUEUES', 'a b'],
    ['TEMPEST_QUEUES', 'a,,b'],
    ['TEMPEST_QUEUES', 'a,sub'],
    ['TEMPEST_SUB', 'yes'],
    ['TEMPEST_LEGACY', 'on'],
    ['TEMPEST_DIRECT_ADVERTISE', 'a:1'],
    ['TEMPEST_ENCODING', 'xml'],
    ['TEMPEST_LOG', 'loud'],
    ['TEMPEST_REDIS_URL', 'localhost:6379'],
    ['TEMPEST_REDIS_URL', 'http://localhost:6379'],
    ['TEMPEST_REDIS_URL', 'redis://'],
    ['TEMPEST_REDIS_URL', 'redis://localhost/zero'],
    ['REDIS_URL', 'redis:/localhost'],
  ])('%s=%s is refused in one sentence that names the variable', (name, value) => {
    const read = (): unknown => readSettings({ [name]: value })
    expect(read).toThrow(expect.objectContaining({ name: 'Refusal' }))
    expect(read).toThrow(new RegExp(`^${name}\\b[^\\n]*\\.$`))
  })

  test('a program without a Redis says how to get one', () => {
    expect(() => needRedis(readSettings({}), 'npm run front')).toThrow(
      /^npm run front needs a Redis: set TEMPEST_REDIS_URL.*npm start brings/,
    )
  })
})

describe('redis urls', () => {
  test.each([
    ['redis://127.0.0.1:6379', 'redis://127.0.0.1:6379', true],
    ['redis://:secret@host:1/0', 'redis://:***@host:1/0', false],
    ['rediss://me:secret@host?password=secret', 'rediss://me:***@host', false],
    ['redis://host?password=secret', 'redis://host', false],
    ['/tmp/r.sock', 'unix:///tmp/r.sock', true],
    ['/tmp/r.sock?password=secret', 'unix:///tmp/r.sock', false],
  ])('%s is shown as %s', (url, shown, printable) => {
    expect(maskUrl(url)).toBe(shown)
    expect(isPrintable(url)).toBe(printable)
  })

  test('a URL that cannot be read is not repeated', () => {
    const read = (): unknown => readSettings({ REDIS_URL: 'reds://:secret@host' })
    expect(read).toThrow('REDIS_URL')
    expect(read).not.toThrow('secret')
  })
})
