/** What a URL of the streamed replies asks for; the same at every target. */

export type Route =
  | { kind: 'tokens'; perSecond: number }
  | { kind: 'first' }
  | { kind: 'large'; bytes: number }
  | { kind: 'hello' }

/** How long the reply of `/first` goes on behind its first byte: it must not be taken for a whole one. */
export const FIRST_MS = 2

export const eventHeaders = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache, no-transform',
}

export function routeOf(url: string): Route {
  const { pathname, searchParams } = new URL(url, 'http://bench')
  const number = (name: string): number => Number(searchParams.get(name) ?? 0)
  switch (pathname) {
    case '/tokens':
      return { kind: 'tokens', perSecond: number('rate') }
    case '/first':
      return { kind: 'first' }
    case '/large':
      return { kind: 'large', bytes: number('bytes') }
    default:
      return { kind: 'hello' }
  }
}
