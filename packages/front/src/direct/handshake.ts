/**
 * What Redis clients say beside our verbs, when they connect and to see whether we live. Pure but for the clock.
 *
 * It answers as Redis 7.0 does, so that no client of any age stumbles, and keeps nothing but the session. It never throws, and it
 * never lets anything through before the password was said: until then, ask it before any verb.
 */
import { infoText, type ListenerFacts, REDIS_VERSION } from './info.js'
import { isRight } from './password.js'
import { newSession, refuseGuess, type Session } from './session.js'
import { array, bulk, error, integer, map, nullReply, OK, type Reply, simple } from './resp.js'

type Answer = (args: readonly Buffer[], session: Session, facts: ListenerFacts) => Reply
/** How many arguments it has, at least and at most, behind its name. */
type Command = readonly [min: number, max: number, answer: Answer]
type Table = ReadonlyMap<string, Command>

const MAX_NAME = 256

const ANY = Infinity

const NO_AUTH = error('Authentication required.', 'NOAUTH')
const NO_AUTH_HELLO = error('HELLO needs AUTH <user> <password> here, or AUTH before it', 'NOAUTH')

const NO_PASSWORD = error('AUTH <password> called without any password configured for the listener')
const BAD_NAME = error('Client names cannot contain spaces, newlines or special characters.')
const SYNTAX = error('syntax error')

const ok: Answer = () => OK

const clientCommands: Table = new Map<string, Command>([
  ['setname', [1, 1, ([name], session) => (setName(name, session) ? OK : BAD_NAME)]],
  ['getname', [0, 0, (_, { name, protocol }) => (name === '' ? nullReply(protocol) : bulk(name))]],
  ['setinfo', [2, 2, ok]],
  ['id', [0, 0, (_, { id }) => integer(id)]],
  ['info', [0, 0, describeClient]],
  ['list', [0, ANY, describeClient]],
  ['no-evict', [1, 1, onOrOff]],
  ['no-touch', [1, 1, onOrOff]],
  ['reply', [1, 1, ([mode]) => only('on', mode, 'every command is replied to here')]],
  ['tracking', [1, ANY, ([mode]) => only('off', mode, 'nothing is tracked here')]],
])

const commandCommands: Table = new Map<string, Command>([
  ['count', [0, 0, () => integer(0)]],
  ['docs', [0, ANY, noEntries]],
  ['info', [0, ANY, () => array([])]],
  ['list', [0, ANY, () => array([])]],
])

const settings = new Map([
  ['save', ''],
  ['appendonly', 'no'],
])
const configCommands: Table = new Map([['get', [1, ANY, config]]])

/** These speak for themselves before the password was said. */
const openCommands: Table = new Map<string, Command>([
  ['auth', [1, ANY, auth]],
  ['hello', [0, ANY, hello]],
  ['quit', [0, ANY, quit]],
  ['reset', [0, 0, reset]],
  // Lines of HTTP: a browser was sent here, and what follows is not its user's will.
  ['post', [0, ANY, refuseHttp]],
  ['host:', [0, ANY, refuseHttp]],
])

const commands: Table = new Map<string, Command>([
  ...openCommands,
  ['ping', [0, 1, ([message]) => (message ? bulk(message) : '+PONG\r\n')]],
  ['echo', [1, 1, ([message]) => bulk(message ?? '')]],
  ['select', [1, 1, ([index]) => select(index)]],
  ['client', [1, ANY, inTable('client', clientCommands)]],
  ['command', [0, ANY, inTable('command', commandCommands)]],
  ['config', [1, ANY, inTable('config', configCommands)]],
  ['info', [0, ANY, (args, _session, facts) => bulk(infoText(args.map(lower), facts))]],
  ['time', [0, 0, time]],
  ['dbsize', [0, 0, () => integer(0)]],
  ['role', [0, 0, () => array([bulk('master'), integer(0), array([])])]],
  ['readonly', [0, 0, ok]],
  ['readwrite', [0, 0, ok]],
])

/** @returns undefined where the command is none of these; before the password was said, never. */
export function answerHandshake(
  [name, ...args]: readonly Buffer[],
  session: Session,
  facts: ListenerFacts,
): Reply | undefined {
  const word = lower(name)
  const found = (session.authenticated ? commands : openCommands).get(word)
  if (found === undefined) return session.authenticated ? undefined : NO_AUTH
  return answer(word, found, args, session, facts)
}

function answer(word: string, [min, max, run]: Command, ...given: Parameters<Answer>): Reply {
  const { length } = given[0]
  if (length >= min && length <= max) return run(...given)
  return error(`wrong number of arguments for '${word}' command`)
}

/** By the first argument. Only COMMAND may be without one. */
function inTable(word: string, table: Table): Answer {
  return ([name, ...args], session, facts) => {
    if (name === undefined) return array([])
    const found = table.get(lower(name))
    if (found !== undefined) return answer(`${word}|${lower(name)}`, found, args, session, facts)
    return error(`unknown subcommand '${text(name).slice(0, 64)}' of ${word}`)
  }
}

/** As in Redis: where no password is set, any is right for the default user by name, and one alone is taken for a mistake. */
function auth(args: readonly Buffer[], session: Session, { password }: ListenerFacts): Reply {
  if (args.length > 2) return SYNTAX
  if (args.length === 1 && password === undefined) return NO_PASSWORD
  const [user, given] = args.length === 2 ? args : [undefined, args[0]]
  if (!isRight(user?.toString('latin1'), given, password)) return refuseGuess(session)
  session.authenticated = true
  return OK
}

/** What it asks is done as a whole or not at all. */
function hello(args: readonly Buffer[], session: Session, facts: ListenerFacts): Reply {
  const [version, ...options] = args.map(text)
  if (version !== undefined && !/^-?\d{1,9}$/.test(version)) {
    return error('Protocol version is not an integer or out of range')
  }
  const protocol = version === undefined ? session.protocol : Number(version)
  if (protocol !== 2 && protocol !== 3) return error('unsupported protocol version', 'NOPROTO')
  let { authenticated, name } = session
  for (let at = 0; at < options.length;) {
    const [option, first, second] = args.slice(at + 1)
    if (lower(option) === 'auth' && second !== undefined) {
      if (!isRight(first?.toString('latin1'), second, facts.password)) return refuseGuess(session)
      authenticated = true
      at += 3
    } else if (lower(option) === 'setname' && first !== undefined) {
      if (!isName(first)) return BAD_NAME
      name = text(first)
      at += 2
    } else return error(`Syntax error in HELLO option '${text(option).slice(0, 64)}'`)
  }
  if (!authenticated) return NO_AUTH_HELLO
  Object.assign(session, { authenticated, protocol, name })
  return map(protocol, [
    [bulk('server'), bulk('redis')],
    [bulk('version'), bulk(REDIS_VERSION)],
    [bulk('proto'), integer(protocol)],
    [bulk('id'), integer(session.id)],
    [bulk('mode'), bulk('standalone')],
    [bulk('role'), bulk('master')],
    [bulk('modules'), array([])],
    [bulk('tempest_boot'), bulk(facts.boot)],
  ])
}

function quit(_: readonly Buffer[], session: Session): Reply {
  session.closing = true
  return OK
}

function reset(_: readonly Buffer[], session: Session, facts: ListenerFacts): Reply {
  Object.assign(session, { ...newSession(session.id, facts), guesses: session.guesses })
  return simple('RESET')
}

function refuseHttp(_: readonly Buffer[], session: Session): Reply {
  session.closing = true
  return error('this is no HTTP server')
}

function select(index: Buffer | undefined): Reply {
  return /^\d{1,9}$/.test(text(index)) ? OK : error('value is not an integer or out of range')
}

function setName(name: Buffer | undefined, session: Session): boolean {
  if (name === undefined || !isName(name)) return false
  session.name = text(name)
  return true
}

function describeClient(_: readonly Buffer[], { id, name, protocol }: Session): Reply {
  return bulk(`id=${id} name=${name} flags=N db=0 cmd=client user=default resp=${protocol}\n`)
}

function onOrOff([value]: readonly Buffer[]): Reply {
  return lower(value) === 'on' || lower(value) === 'off' ? OK : SYNTAX
}

function only(wanted: 'on' | 'off', value: Buffer | undefined, why: string): Reply {
  if (onOrOff(value ? [value] : []) !== OK && lower(value) !== 'skip') return SYNTAX
  return lower(value) === wanted ? OK : error(why)
}

/** What redis-benchmark asks for; nothing else is set here. */
function config([name]: readonly Buffer[], { protocol }: Session): Reply {
  const value = settings.get(lower(name))
  return map(protocol, value === undefined ? [] : [[bulk(lower(name)), bulk(value)]])
}

function noEntries(_: readonly Buffer[], { protocol }: Session): Reply {
  return map(protocol, [])
}

function time(): Reply {
  const now = Date.now()
  return array([bulk(`${Math.floor(now / 1000)}`), bulk(`${(now % 1000) * 1000}`)])
}

/** Nothing that could be taken for a part of another line or field. */
function isName(name: Buffer): boolean {
  return name.length <= MAX_NAME && name.every((byte) => byte > 0x20 && byte < 0x7f)
}

/** What is longer than any word of ours is told by its beginning. */
function text(value: Buffer | undefined): string {
  return value?.toString('latin1', 0, MAX_NAME) ?? ''
}

function lower(value: string | Buffer | undefined): string {
  return (typeof value === 'string' ? value : text(value)).toLowerCase()
}
