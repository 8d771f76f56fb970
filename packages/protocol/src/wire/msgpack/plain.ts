/**
 * A value as MessagePack is to carry it: as JSON.stringify would, but with bytes as bytes, whole numbers exact and NaN as it is
 * (docs/protocol.md, P-26). Pure.
 *
 * What comes out shares nothing with what came in, so that it may be packed later.
 */

/** With the arrays a job or an entry puts around it, it stays within what readers take. */
const MAX_VALUE_DEPTH = 120

const MAX_INT32 = 2 ** 31
const MAX_UINT32 = 2 ** 32

/** A value that is ready to be packed. */
export interface Plain {
  value: unknown
  /** About how many bytes it takes. */
  size: number
}

/** @returns undefined for what cannot be a value, such as a function. @throws TypeError for what cannot be in one; whatever a toJSON throws. */
export function toPlain(value: unknown): Plain | undefined {
  const reader = new Reader()
  const read = reader.read(value, '', 0)
  return read === undefined ? undefined : { value: read, size: reader.size }
}

/** Text as UTF-8 can carry it. */
export function wellFormed(text: string): string {
  return isWellFormed.call(text) ? text : toWellFormed.call(text)
}

// In Node 20, and not in the library of its language level.
const { isWellFormed, toWellFormed } = String.prototype as unknown as {
  isWellFormed(this: string): boolean
  toWellFormed(this: string): string
}

class Reader {
  size = 0

  /** @returns undefined for what JSON leaves out. */
  read(given: unknown, key: string, depth: number): unknown {
    const value = replaced(given, key)
    switch (typeof value) {
      case 'string':
        this.size += value.length + 5
        return wellFormed(value)
      case 'number':
        this.size += 9
        return toNumber(value)
      case 'bigint':
        this.size += 9
        return checkBigInt(value)
      case 'boolean':
        this.size++
        return value
      case 'object':
        if (value === null) this.size++
        return value === null ? null : this.#readObject(value, depth + 1)
      default:
        return undefined
    }
  }

  #readObject(value: object, depth: number): unknown {
    if (value instanceof Uint8Array) {
      this.size += value.length + 5
      return Buffer.from(value)
    }
    if (depth > MAX_VALUE_DEPTH) {
      throw new TypeError(`it is nested deeper than ${MAX_VALUE_DEPTH}, or in a circle`)
    }
    this.size += 5
    // Array.from and not map, which would leave gaps out.
    if (Array.isArray(value)) {
      return Array.from(value, (item, i) => this.read(item, String(i), depth) ?? null)
    }
    // A map and not an object, which could not have every key.
    const map = new Map<string, unknown>()
    for (const [key, item] of Object.entries(value)) {
      if (key === '__proto__') continue
      const read = this.read(item, key, depth)
      if (read === undefined) continue
      this.size += key.length + 5
      map.set(wellFormed(key), read)
    }
    return map
  }
}

/** What JSON.stringify would take in its place: a Date says itself what it is in JSON. */
function replaced(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value
  if ('toJSON' in value && typeof value.toJSON === 'function') {
    return Reflect.apply(value.toJSON, value, [key]) as unknown
  }
  const boxed = value instanceof Number || value instanceof String || value instanceof Boolean
  return boxed ? value.valueOf() : value
}

/** msgpackr makes a float of what has more than 32 bits, unless it is a BigInt. */
function toNumber(value: number): number | bigint {
  if (value < MAX_UINT32 && value >= -MAX_INT32) return value
  return Number.isSafeInteger(value) ? BigInt(value) : value
}

function checkBigInt(value: bigint): bigint {
  if (BigInt.asIntN(64, value) === value || BigInt.asUintN(64, value) === value) return value
  throw new TypeError('a BigInt has more than 64 bits')
}
