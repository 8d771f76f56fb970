/** Reading what came as JSON, or from a catch, without believing in its shape. */

/** The own properties of what should be an object; none where it is something else. */
export function fieldsOf(value: unknown): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(typeof value === 'object' && value !== null ? value : {}),
  )
}

/** The elements of what should be an array; none where it is something else. */
export function elementsOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : []
}

/** The code of a TempestError, else undefined. */
export function codeOf(thrown: unknown): unknown {
  return thrown instanceof Error && 'code' in thrown ? thrown.code : undefined
}
