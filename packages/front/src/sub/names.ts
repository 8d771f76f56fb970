/** Which channels a request names: decoded, checked, bounded. Pure. */
import { channelFault, TempestError } from '@tempest/protocol'

const plain = /^[A-Za-z0-9._-]{1,128}$/

export interface NameRules {
  /** Only letters, digits, point, underline and hyphen: where nobody is asked who may read what. */
  plain: boolean
  prefix: string
  max: number
}

/**
 * @param path what stands behind the mount, e.g. `/a,b`
 * @returns the names as given, each once
 * @throws TempestError BAD_REQUEST
 */
export function namesOf(path: string, rules: NameRules): string[] {
  const parts = path.replace(/^\//, '').split(',')
  if (parts.length > rules.max) throw refused(`more than ${rules.max} channels`)
  const names = new Set<string>()
  for (const part of parts) {
    const name = decode(part)
    if (name === undefined || (rules.plain && !plain.test(name))) {
      throw refused(`no name of a channel: ${part.slice(0, 100)}`)
    }
    const fault = channelFault(rules.prefix + name)
    if (name === '' || fault !== undefined)
      throw refused(`a channel's name: ${fault ?? 'it is empty'}`)
    names.add(name)
  }
  return [...names]
}

/** Undefined where it is not percent-encoded UTF-8. */
function decode(part: string): string | undefined {
  try {
    return decodeURIComponent(part)
  } catch {
    return undefined
  }
}

function refused(why: string): TempestError {
  return new TempestError('BAD_REQUEST', why)
}
