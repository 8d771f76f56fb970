/** What an application behind a front is told of the client: X-Forwarded-*, X-Request-Id and `Host`. Pure. */
import type { HttpRequest } from '@tempest/worker'
import type { Fields } from './headers.js'

/**
 * - `add`: X-Forwarded-For is appended to, Proto and Host stay where a proxy before the front has set them
 * - `replace`: what came is dropped; for a front that clients reach directly
 * - `off`: left as they came
 */
export type Forwarded = 'add' | 'replace' | 'off'

const names = ['for', 'proto', 'host', 'prefix', 'port'].map((name) => `x-forwarded-${name}`)

/** @param host as the client said it */
export function addForwarded(
  fields: Fields,
  { remote, mount, requestId }: HttpRequest,
  host: string | undefined,
  forwarded: Forwarded,
): void {
  if (forwarded === 'off') return
  if (forwarded === 'replace') {
    for (const name of [...names, 'forwarded']) Reflect.deleteProperty(fields, name)
  }
  if (remote !== '') {
    const before = fields['x-forwarded-for']
    fields['x-forwarded-for'] = before === undefined ? remote : `${String(before)}, ${remote}`
  }
  fields['x-forwarded-proto'] ??= 'http'
  if (host !== undefined) fields['x-forwarded-host'] ??= host
  // The front knows it; nobody before it does.
  if (mount !== '') fields['x-forwarded-prefix'] = mount
  fields['x-request-id'] ??= requestId
}
