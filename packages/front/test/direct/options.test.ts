/** Where a front listens: all ways to say it, and that nothing is open to others by mistake. */
import { describe, expect, test } from '@jest/globals'
import { addressOf, type Direct, resolveDirect } from '../../src/direct/options'

const password = 'secret'
const advertise = 'front-1.internal:7000'

describe('direct', () => {
  test.each<[Direct, string, number]>([
    [0, '127.0.0.1', 0],
    [7000, '127.0.0.1', 7000],
    [':7000', '127.0.0.1', 7000],
    [':0', '127.0.0.1', 0],
    ['127.0.0.1:7000', '127.0.0.1', 7000],
    ['127.9.9.9:65535', '127.9.9.9', 65535],
    ['localhost:7000', 'localhost', 7000],
    ['LOCALHOST:7000', 'LOCALHOST', 7000],
    ['[::1]:7000', '::1', 7000],
    ['[0:0:0:0:0:0:0:1]:7000', '0:0:0:0:0:0:0:1', 7000],
    [{ port: 7000 }, '127.0.0.1', 7000],
    [{ host: undefined, port: 7000 }, '127.0.0.1', 7000],
    [{ host: '::1', port: 7000 }, '::1', 7000],
    [{ host: '[::1]', port: 7000 }, '::1', 7000],
  ])('%j listens at this machine, and needs nothing more', (direct, host, port) => {
    expect(resolveDirect(direct)).toEqual({
      host,
      port,
      advertise: undefined,
      password: undefined,
      maxConnections: 10_000,
    })
  })

  test.each([
    '0.0.0.0',
    '::',
    '10.0.0.1',
    'fe80::1',
    '::ffff:10.0.0.1',
    'front-1',
    'localhost.evil',
  ])('at %s needs a password and what to advertise', (host) => {
    expect(() => resolveDirect({ host, port: 1 })).toThrow(/^direct\.password: .*elsewhere/)
    expect(() => resolveDirect({ host, port: 1, advertise })).toThrow(/^direct\.password:/)
    expect(() => resolveDirect({ host, port: 1, password })).toThrow(/^direct\.advertise:/)
    expect(() => resolveDirect(`${host.includes(':') ? `[${host}]` : host}:1`)).toThrow(TypeError)
    const all = { host, port: 1, advertise, password, maxConnections: 5 }
    expect(resolveDirect(all)).toEqual(all)
  })

  test.each([
    ['a:1', 'a:1'],
    ['10.0.0.1:65535', '10.0.0.1:65535'],
    ['[2001:db8::1]:7000', '[2001:db8::1]:7000'],
    ['[::1]:7000', '[::1]:7000'],
  ])('advertises %s', (given, text) =>
    expect(resolveDirect({ port: 0, advertise: given }).advertise).toBe(text),
  )

  test.each<[string, unknown]>([
    ['direct', undefined],
    ['direct', null],
    ['direct', true],
    ['direct', []],
    ['direct', ''],
    ['direct', '7000'],
    ['direct', 'localhost'],
    ['direct', 'localhost:'],
    ['direct', 'localhost:x'],
    ['direct', 'localhost:-1'],
    ['direct', '::1:7000'],
    ['direct', 'redis://localhost:7000'],
    ['direct', 'a:b@localhost:7000'],
    ['direct.port', 'localhost:65536'],
    ['direct.port', -1],
    ['direct.port', 65536],
    ['direct.port', 1.5],
    ['direct.port', NaN],
    ['direct.port', {}],
    ['direct.port', { port: '7000' }],
    ['direct.host', { host: '', port: 1 }],
    ['direct.host', { host: 7, port: 1 }],
    ['direct.host', { host: null, port: 1 }],
    ['direct.host', { host: 'a b', port: 1 }],
    ['direct.host', { host: 'a:1', port: 1 }],
    ['direct.host', { host: '127.1', port: 1 }],
    ['direct.host', { host: '0', port: 1 }],
    ['direct.host', { host: '[localhost]', port: 1 }],
    ['direct.host', '[]:1'],
    ['direct.host', ' localhost:1'],
    ['direct.host', { host: 'a\n', port: 1 }],
    ['direct.password', { port: 1, password: '' }],
    ['direct.password', { port: 1, password: 7 }],
    ['direct.maxConnections', { port: 1, maxConnections: 0 }],
    ['direct.maxConnections', { port: 1, maxConnections: 1.5 }],
    ...[
      7,
      '',
      'a',
      ':1',
      'a:0',
      'a:65536',
      'a:x',
      '0.0.0.0:1',
      '[::]:1',
      '[0:0::0]:1',
      '::1:1',
      'a b:1',
    ].map((each): [string, unknown] => ['direct.advertise', { port: 1, advertise: each }]),
  ])('is refused, and it says why: %s: %j', (option, direct) => {
    expect(() => resolveDirect(direct)).toThrow(TypeError)
    expect(() => resolveDirect(direct)).toThrow(new RegExp(`^${option.replace('.', '\\.')}:`))
  })

  test('never shows a password', () => {
    const direct = { port: 1, password: ['secret'] }
    expect(() => resolveDirect(direct)).toThrow(/^(?!.*secret)/)
  })
})

test('an address of IPv6 has brackets', () => {
  expect([addressOf('::1', 7), addressOf('10.0.0.1', 7), addressOf('a', 7)]).toEqual([
    '[::1]:7',
    '10.0.0.1:7',
    'a:7',
  ])
})
