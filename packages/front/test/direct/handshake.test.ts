/** What clients say when they connect: each command to the bytes of its reply, in RESP2 and RESP3, with and without a password. */
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { answerHandshake } from '../../src/direct/handshake'
import { newSession, type Session } from '../../src/direct/session'
import type { ListenerFacts } from '../../src/direct/info'

const facts: ListenerFacts = {
  boot: 'b00t',
  password: undefined,
  version: '0.1.0',
  startedAt: Date.now(),
  connections: () => 3,
}
const guarded: ListenerFacts = { ...facts, password: 'pässword' }

/** Words are split at spaces; what has spaces itself is given as a list. */
function ask(session: Session, command: string | string[], listener = facts): string | undefined {
  const words = typeof command === 'string' ? command.split(' ') : command
  const args = words.map((word) => Buffer.from(word))
  return answerHandshake(args, session, listener)?.toString()
}

const WRONG = '-WRONGPASS invalid username-password pair or user is disabled.\r\n'
const NO_AUTH = '-NOAUTH Authentication required.\r\n'
const SYNTAX = '-ERR syntax error\r\n'
const bulk = (text: string) => `$${Buffer.byteLength(text)}\r\n${text}\r\n`
const arity = (name: string) => `-ERR wrong number of arguments for '${name}' command\r\n`
const BAD_NAME = '-ERR Client names cannot contain spaces, newlines or special characters.\r\n'
const entries = (protocol: number) =>
  ['server', 'redis', 'version', '7.0.0', 'proto'].map(bulk).join('') +
  `:${protocol}\r\n${bulk('id')}:7\r\n` +
  ['mode', 'standalone', 'role', 'master', 'modules'].map(bulk).join('') +
  `*0\r\n${bulk('tempest_boot')}${bulk('b00t')}`

describe('without a password', () => {
  test.each<[string | string[], string, string?]>([
    ['PING', '+PONG\r\n'],
    ['pInG', '+PONG\r\n'],
    [['PING', 'a\r\nb'], bulk('a\r\nb')],
    ['PING a b', arity('ping')],
    ['ECHO é', bulk('é')],
    ['ECHO', arity('echo')],
    ['HELLO', `*16\r\n${entries(2)}`, `%8\r\n${entries(3)}`],
    ['HELLO 2', `*16\r\n${entries(2)}`],
    ['HELLO 3', `%8\r\n${entries(3)}`],
    ['HELLO 3 AUTH default any SETNAME x', `%8\r\n${entries(3)}`],
    ['HELLO 4', '-NOPROTO unsupported protocol version\r\n'],
    ['HELLO -1', '-NOPROTO unsupported protocol version\r\n'],
    ['HELLO x', '-ERR Protocol version is not an integer or out of range\r\n'],
    ['HELLO 3 FOO', "-ERR Syntax error in HELLO option 'FOO'\r\n"],
    ['HELLO 3 AUTH a', "-ERR Syntax error in HELLO option 'AUTH'\r\n"],
    ['HELLO 3 SETNAME', "-ERR Syntax error in HELLO option 'SETNAME'\r\n"],
    [['HELLO', '3', 'SETNAME', 'a b'], BAD_NAME],
    ['HELLO 3 AUTH bob x', WRONG],
    ['AUTH', arity('auth')],
    ['AUTH a b c', SYNTAX],
    ['AUTH x', '-ERR AUTH <password> called without any password configured for the listener\r\n'],
    ['AUTH default x', '+OK\r\n'],
    ['AUTH bob x', WRONG],
    ['SELECT 0', '+OK\r\n'],
    ['SELECT 99', '+OK\r\n'],
    ['SELECT x', '-ERR value is not an integer or out of range\r\n'],
    ['SELECT', arity('select')],
    ['CLIENT', arity('client')],
    ['CLIENT FOO', "-ERR unknown subcommand 'FOO' of client\r\n"],
    ['CLIENT KILL x', "-ERR unknown subcommand 'KILL' of client\r\n"],
    ['CLIENT SETNAME', arity('client|setname')],
    ['CLIENT SETNAME a', '+OK\r\n'],
    [['CLIENT', 'SETNAME', 'a b'], BAD_NAME],
    [['CLIENT', 'SETNAME', 'a\n'], BAD_NAME],
    ['CLIENT SETNAME é', BAD_NAME],
    [`CLIENT SETNAME ${'a'.repeat(257)}`, BAD_NAME],
    ['CLIENT GETNAME', '$-1\r\n', '_\r\n'],
    ['CLIENT SETINFO LIB-NAME x', '+OK\r\n'],
    ['client setinfo lib-ver 1.0', '+OK\r\n'],
    ['CLIENT ID', ':7\r\n'],
    [
      'CLIENT INFO',
      bulk('id=7 name= flags=N db=0 cmd=client user=default resp=2\n'),
      bulk('id=7 name= flags=N db=0 cmd=client user=default resp=3\n'),
    ],
    [
      'CLIENT LIST TYPE normal',
      bulk('id=7 name= flags=N db=0 cmd=client user=default resp=2\n'),
      bulk('id=7 name= flags=N db=0 cmd=client user=default resp=3\n'),
    ],
    ['CLIENT NO-EVICT on', '+OK\r\n'],
    ['CLIENT NO-TOUCH off', '+OK\r\n'],
    ['CLIENT NO-TOUCH x', SYNTAX],
    ['CLIENT REPLY ON', '+OK\r\n'],
    ['CLIENT REPLY OFF', '-ERR every command is replied to here\r\n'],
    ['CLIENT REPLY SKIP', '-ERR every command is replied to here\r\n'],
    ['CLIENT REPLY x', SYNTAX],
    ['CLIENT TRACKING OFF', '+OK\r\n'],
    ['CLIENT TRACKING ON', '-ERR nothing is tracked here\r\n'],
    ['COMMAND', '*0\r\n'],
    ['COMMAND COUNT', ':0\r\n'],
    ['COMMAND COUNT x', arity('command|count')],
    ['COMMAND DOCS', '*0\r\n', '%0\r\n'],
    ['COMMAND INFO get', '*0\r\n'],
    ['COMMAND LIST', '*0\r\n'],
    ['COMMAND FOO', "-ERR unknown subcommand 'FOO' of command\r\n"],
    ['CONFIG GET save', '*2\r\n$4\r\nsave\r\n$0\r\n\r\n', '%1\r\n$4\r\nsave\r\n$0\r\n\r\n'],
    ['CONFIG GET dir', '*0\r\n', '%0\r\n'],
    ['CONFIG GET', arity('config|get')],
    ['CONFIG', arity('config')],
    ['CONFIG SET a b', "-ERR unknown subcommand 'SET' of config\r\n"],
    [['CONFIG', 'a\r\n+OK'], "-ERR unknown subcommand 'a +OK' of config\r\n"],
    ['DBSIZE', ':0\r\n'],
    ['ROLE', '*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n'],
    ['TIME x', arity('time')],
    ['RESET', '+RESET\r\n'],
    ['RESET x', arity('reset')],
    ['QUIT', '+OK\r\n'],
    ['QUIT x', '+OK\r\n'],
    ['READONLY', '+OK\r\n'],
    ['READWRITE', '+OK\r\n'],
    ['INFO nothing', '$0\r\n\r\n'],
    ['INFO persistence', bulk('# Persistence\r\nloading:0\r\n')],
    [
      'INFO Clients REPLICATION',
      bulk(
        '# Clients\r\nconnected_clients:3\r\n\r\n# Replication\r\nrole:master\r\nconnected_slaves:0\r\n',
      ),
    ],
  ])('%j is answered with %j', (command, two, three = two) => {
    expect(ask(newSession(7, facts), command)).toBe(two)
    expect(ask({ ...newSession(7, facts), protocol: 3 }, command)).toBe(
      command === 'HELLO 2' ? `*16\r\n${entries(2)}` : three,
    )
  })

  test.each(['PULL q', 'GET x', '', '__proto__', 'constructor', 'CLUSTER NODES', 'PINGX'])(
    '%j is left to the caller',
    (command) => expect(ask(newSession(7, facts), command)).toBeUndefined(),
  )

  test('INFO is what a ready check looks at', () => {
    const text = ask(newSession(7, facts), 'INFO') ?? ''
    for (const line of ['redis_version:7.0.0', 'redis_mode:standalone', 'loading:0', 'role:master'])
      expect(text).toContain(`\r\n${line}\r\n`)
    for (const line of ['tempest_version:0.1.0', 'tempest_boot:b00t', 'connected_clients:3'])
      expect(text).toContain(`\r\n${line}\r\n`)
    expect(text).toMatch(/^\$\d+\r\n# Server\r\n/)
    expect(ask(newSession(7, facts), 'INFO everything')).toBe(text)
  })

  test('TIME is now', () => {
    const [, seconds, , micros] = (ask(newSession(7, facts), 'TIME') ?? '').split(
      /\r\n\$\d+\r\n|\r\n/,
    )
    expect(Math.abs(Number(seconds) - Date.now() / 1000)).toBeLessThan(5)
    expect(micros).toBeDefined()
  })

  test('bytes that are no text come back as they were', () => {
    const bytes = Buffer.from([0, 255, 13, 10])
    const reply = answerHandshake([Buffer.from('echo'), bytes], newSession(7, facts), facts)
    expect(reply).toEqual(Buffer.concat([Buffer.from('$4\r\n'), bytes, Buffer.from('\r\n')]))
  })
})

describe('the session', () => {
  test('keeps its name and protocol until RESET', () => {
    const session = newSession(7, facts)
    ask(session, 'HELLO 3 SETNAME a')
    expect(ask(session, 'CLIENT GETNAME')).toBe(bulk('a'))
    ask(session, ['CLIENT', 'SETNAME', ''])
    expect(ask(session, 'CLIENT GETNAME')).toBe('_\r\n')
    ask(session, 'RESET')
    expect(session).toEqual(newSession(7, facts))
  })

  test('is as it was where HELLO fails', () => {
    const session = newSession(7, guarded)
    for (const each of ['AUTH default x', 'SETNAME a AUTH default pässword FOO', 'SETNAME a'])
      expect(ask(session, `HELLO 3 ${each}`, guarded)).toMatch(/^-/)
    expect(session).toEqual({ ...newSession(7, guarded), guesses: 1 })
  })

  test.each(['QUIT', 'POST /x HTTP/1.1', 'Host: localhost'])('closes behind %s', (command) => {
    for (const listener of [facts, guarded]) {
      const session = newSession(7, listener)
      expect(ask(session, command, listener)).toBe(
        command === 'QUIT' ? '+OK\r\n' : '-ERR this is no HTTP server\r\n',
      )
      expect(session.closing).toBe(true)
    }
  })
})

describe('with a password', () => {
  test.each([
    ['PING', NO_AUTH],
    ['PING a b', NO_AUTH],
    ['PULL q', NO_AUTH],
    ['INFO', NO_AUTH],
    ['CLIENT SETNAME a', NO_AUTH],
    ['', NO_AUTH],
    ['HELLO', '-NOAUTH HELLO needs AUTH <user> <password> here, or AUTH before it\r\n'],
    ['HELLO 3', '-NOAUTH HELLO needs AUTH <user> <password> here, or AUTH before it\r\n'],
    ['HELLO 4', '-NOPROTO unsupported protocol version\r\n'],
    ['HELLO 3 AUTH default x', WRONG],
    ['HELLO 3 AUTH bob pässword', WRONG],
    ['AUTH x', WRONG],
    ['AUTH pässwor', WRONG],
    ['AUTH ', WRONG],
    ['AUTH bob pässword', WRONG],
    ['AUTH  pässword', WRONG],
    ['AUTH a b c', SYNTAX],
    ['RESET', '+RESET\r\n'],
  ])('%j is answered with %j, and nobody is let in', (command, reply) => {
    const session = newSession(7, guarded)
    expect(ask(session, command, guarded)).toBe(reply)
    expect(session.authenticated).toBe(false)
  })

  test.each(['AUTH pässword', 'auth default pässword', 'HELLO 2 AUTH default pässword'])(
    '%j lets in, until RESET; a wrong one later changes nothing',
    (command) => {
      const session = newSession(7, guarded)
      expect(ask(session, command, guarded)).toMatch(/^(\+OK|\*16)\r\n/)
      expect(ask(session, 'AUTH wrong', guarded)).toBe(WRONG)
      expect(ask(session, 'PING', guarded)).toBe('+PONG\r\n')
      expect(ask(session, 'PULL q', guarded)).toBeUndefined()
      ask(session, 'RESET', guarded)
      expect(ask(session, 'PING', guarded)).toBe(NO_AUTH)
    },
  )
})

test('the tenth wrong password is the last of a connection, RESET or not', () => {
  const session = newSession(7, guarded)
  for (const guess of ['AUTH a', 'HELLO 3 AUTH default b', 'RESET'])
    for (let n = 0; n < (guess === 'RESET' ? 1 : 4); n++) ask(session, guess, guarded)
  expect([ask(session, 'AUTH c', guarded), session.closing]).toEqual([WRONG, false])
  expect([ask(session, 'AUTH c', guarded), session.closing]).toEqual([WRONG, true])
})

test('it never throws, and a reply is never two', () => {
  const word = fc.constantFrom(
    'HELLO',
    'CLIENT',
    'CONFIG',
    'INFO',
    'AUTH',
    'COMMAND',
    'SETNAME',
    '3',
  )
  const part = fc.oneof(word, fc.string(), fc.constantFrom('\r\n+OK\r\n', '\0'))
  fc.assert(
    fc.property(fc.array(part), fc.constantFrom(facts, guarded), (command, listener) => {
      const reply = ask(newSession(7, listener), command, listener)
      if (reply?.startsWith('-')) expect(reply).toMatch(/^-[^\r\n]+\r\n$/)
    }),
  )
})
