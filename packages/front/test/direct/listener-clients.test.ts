/** Clients of Redis that were not made for it connect to the direct listener without trouble, and reply through it. */
import { expect, test } from '@jest/globals'
import { Redis } from 'ioredis'
import { spawn, spawnSync } from 'node:child_process'
import { describeWithRedis } from '../../../../test/helpers/redis'
import { until } from '../../../../test/helpers/until'
import { ask } from '../client'
import { atClose, useRedis } from '../serve'
import { type Direct, HEAD, RespClient, serveDirect } from './resp'

const PASSWORD = 's3cret'
const has = (program: string, ...args: string[]): boolean => spawnSync(program, args).status === 0
const testWith = (there: boolean) => (there ? test : test.skip)
const cli = testWith(has('redis-cli', '--version'))
const benchmark = testWith(has('redis-benchmark', '--version'))
const python = testWith(has('/usr/bin/python3', '-c', 'import redis'))

interface Ran {
  out: string
  code: unknown
}

/** Runs a program to its end. */
async function run(program: string, args: string[], input = ''): Promise<Ran> {
  const child = spawn(program, args)
  atClose(() => child.kill('SIGKILL'))
  let out = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => (out += chunk.toString()))
  }
  child.stdin.on('error', () => undefined) // it has ended already
  child.stdin.end(input)
  const code = await new Promise((resolve) => child.once('close', resolve))
  return { out, code }
}

describeWithRedis('a client of Redis', () => {
  const redis = useRedis()
  const direct = (password?: string): Promise<Direct> =>
    serveDirect({ redis: redis.url, direct: { port: 0, password } })
  const portOf = ({ address }: Direct): string => address.slice(address.indexOf(':') + 1)

  test.each([
    [2, undefined],
    [3, undefined],
    [2, PASSWORD],
    [3, PASSWORD],
  ] as const)('ioredis with protocol %d and password %s', async (protocol, password) => {
    const served = await direct(password)
    const client = new Redis({
      ...{ host: '127.0.0.1', port: Number(portOf(served)), protocol, lazyConnect: true },
      ...{ password, db: 3, connectionName: 'a-worker', retryStrategy: () => null },
    })
    const errors: unknown[] = []
    client.on('error', (error) => errors.push(error))
    atClose(() => client.disconnect())
    await client.connect()
    expect(await client.ping()).toBe('PONG')
    expect(await client.echo('ä')).toBe('ä')
    expect(await client.info()).toContain('tempest_boot:')
    expect(await client.client('GETNAME')).toBe('a-worker')
    const answer = ask(served.port)
    const { id } = await served.hand.pop()
    const replies = await client
      .pipeline()
      .call('head', id, HEAD)
      .call('chunk', id, Buffer.from([0xff, 0x00, 0x0a]), 0)
      .call('chunk', id, 'b', 1)
      .call('end', id, 2)
      .exec()
    expect(replies).toEqual(Array(4).fill([null, 'OK']))
    expect((await answer).body).toEqual(Buffer.from([0xff, 0x00, 0x0a, 0x62]))
    await expect(client.call('chunk', id, 'x', 2)).rejects.toThrow(/^GONE /)
    await expect(client.call('chunk', id)).rejects.toThrow(/^ERR /)
    await expect(client.call('blpop', 'tempest', 1)).rejects.toThrow(/^ERR unknown command/)
    expect(await client.quit()).toBe('OK')
    expect(errors).toEqual([])
  })

  test('ioredis with a wrong password is told so', async () => {
    const served = await direct(PASSWORD)
    const client = new Redis({
      ...{ host: '127.0.0.1', port: Number(portOf(served)), password: 'wrong', lazyConnect: true },
      ...{ retryStrategy: () => null, maxRetriesPerRequest: 0 },
    })
    atClose(() => client.disconnect())
    const errors: string[] = []
    client.on('error', (error) => errors.push(error.message))
    await client.connect().catch((error: unknown) => errors.push(String(error)))
    await client.ping().catch((error: unknown) => errors.push(String(error)))
    expect(errors.join()).toMatch(/WRONGPASS|NOAUTH/)
  })

  cli.each([
    ['RESP2', [], undefined],
    ['RESP3', ['-3'], undefined],
    ['RESP2 and a password', ['--no-auth-warning', '-a', PASSWORD], PASSWORD],
    [
      'RESP3 and a user',
      ['-3', '--no-auth-warning', '--user', 'default', '--pass', PASSWORD],
      PASSWORD,
    ],
  ])('redis-cli by its standard input, with %s', async (_, flags, password) => {
    const served = await direct(password)
    const answer = ask(served.port)
    const { id } = await served.hand.pop()
    const lines = [
      ...[
        'PING',
        'ping hello',
        'SELECT 2',
        'INFO server',
        'COMMAND',
        'COMMAND DOCS',
        'CLIENT SETNAME x',
      ],
      ...[
        'CLIENT GETNAME',
        'ECHO "a b"',
        `head ${id} '[200,{}]'`,
        String.raw`chunk ${id} "\x00\xff\n" 0`,
      ],
      ...[`end ${id} 1`, `end ${id} 1`, 'nonsense', 'QUIT'],
    ]
    const { out, code } = await run(
      'redis-cli',
      ['-p', portOf(served), ...flags],
      `${lines.join('\n')}\n`,
    )
    expect(code).toBe(0)
    expect(out).toMatch(/^PONG\nhello\nOK\n# Server\r?\n/)
    expect(out).toMatch(/tempest_boot:\w+/)
    expect(out).toMatch(/\nx\na b\nOK\nOK\nOK\nGONE .*\n\n?ERR unknown command 'nonsense'\n*$/)
    expect((await answer).body).toEqual(Buffer.from([0x00, 0xff, 0x0a]))
  })

  cli('redis-cli with a command as its arguments, one from its standard input', async () => {
    const served = await direct()
    const answer = ask(served.port)
    const { id } = await served.hand.pop()
    const args = ['-p', portOf(served), '-x', 'answer', id]
    expect((await run('redis-cli', args, '[200,{},"piped"]')).out.trim()).toBe('OK')
    expect((await answer).text).toBe('piped')
  })

  cli('redis-cli --pipe, which sends all and then waits', async () => {
    const served = await direct()
    const ping = '*1\r\n$4\r\nPING\r\n'
    const { out } = await run('redis-cli', ['-p', portOf(served), '--pipe'], ping.repeat(5000))
    expect(out).toContain('errors: 0, replies: 5000')
  })

  benchmark.each([[[]], [['-3']], [['-a', PASSWORD]]])(
    'redis-benchmark of PING %j',
    async (flags) => {
      const served = await direct(flags.includes('-a') ? PASSWORD : undefined)
      const args = ['-p', portOf(served), '-t', 'ping', '-n', '20000', '-P', '8', '--csv', ...flags]
      const { out, code } = await run('redis-benchmark', args)
      expect(code).toBe(0)
      expect(out).toMatch(/"PING_INLINE","\d+/)
      expect(out).toMatch(/"PING_(MBULK|BULK)","\d+/)
      expect(out).not.toMatch(/error|WARN/i)
      await until(() => served.front.stats().direct?.connections === 0)
      expect(served.front.stats()).toMatchObject({ heldBytes: 0, direct: { refused: 0, bytes: 0 } })
    },
  )

  python('python3-redis, also through its pool and its pipeline', async () => {
    const served = await direct(PASSWORD)
    const answer = ask(served.port)
    const { id } = await served.hand.pop()
    const script = `
import redis, sys
r = redis.Redis(host='127.0.0.1', port=int(sys.argv[1]), password=sys.argv[2], db=1, client_name='py', health_check_interval=1)
assert r.ping() is True
assert r.client_getname() == 'py'
assert r.info()['tempest_boot'] == sys.argv[3].split('-')[0]
assert r.execute_command('head', sys.argv[3], '[200, {}]') in (b'OK', True)
p = r.pipeline(transaction=False)
for n in range(3): p.execute_command('chunk', sys.argv[3], b'\\x00\\xff', n)
assert p.execute() == [b'OK'] * 3
assert r.execute_command('end', sys.argv[3], 3) == b'OK'
try:
  r.execute_command('chunk', sys.argv[3], b'x', 3)
  assert False
except redis.ResponseError as e:
  assert str(e).startswith('GONE '), e
u = redis.from_url('redis://:%s@127.0.0.1:%s/0' % (sys.argv[2], sys.argv[1]))
assert u.ping()
try:
  redis.Redis(port=int(sys.argv[1])).ping()
  assert False
except redis.AuthenticationError: pass
print('fine')
`
    const args = ['-c', script, portOf(served), PASSWORD, id]
    expect(await run('/usr/bin/python3', args)).toEqual({ out: 'fine\n', code: 0 })
    expect((await answer).body).toEqual(Buffer.from('00ff'.repeat(3), 'hex'))
  })

  test('of the oldest kind, with lines in lower case, is understood', async () => {
    const { address } = await direct()
    const client = await RespClient.open(address)
    client.write(
      'info\r\nselect 0\nping\r\n\r\n  \r\nPING "a b"\n*0\r\n*-1\r\nclient setname old\r\nquit\r\nping\r\n',
    )
    await client.closed
    const [info, ...rest] = client.heard.map(String)
    expect(info).toMatch(/^# Server\r\nredis_version:/)
    expect(rest).toEqual(['+OK', '+PONG', 'a b', '+OK', '+OK'])
  })

  test('in any case, with arguments of any case, is understood', async () => {
    const { address } = await direct()
    const client = await RespClient.open(address)
    for (const words of [
      ['PiNg'],
      ['hElLo', 3],
      ['HELLO', 2],
      ['CLIENT', 'SetName', 'a'],
      ['SELECT', 15],
      ['cOmMaNd'],
      ['CoMmAnD', 'dOcS'],
    ]) {
      expect(String(await client.say(...words))).not.toMatch(/^-/)
    }
    expect(await client.say('hello', 4)).toMatch(/^-NOPROTO /)
    expect(await client.say('client', 'nonsense')).toMatch(/^-ERR /)
    expect(await client.say('')).toMatch(/^-ERR unknown command/)
    client.send(['quit'])
    await until(() => client.destroyed)
    expect(client.heard.at(-1)).toBe('+OK')
  })
})
