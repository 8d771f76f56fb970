/**
 * The load generator of a machine without wrk: `load.js <url> <connections> <seconds> [file to post]`.
 *
 * One request at a time on each keep-alive connection; reports in the form of wrk. It costs more CPU than wrk, so
 * ratios measured with it are not comparable with ratios measured with wrk.
 */

import { readFileSync } from 'node:fs'
import { connect } from 'node:net'

const [target = '', connections = '1', seconds = '1', file = ''] = process.argv.slice(2)
const url = new URL(target)
const body = file === '' ? Buffer.alloc(0) : readFileSync(file)
const length = file === '' ? '' : `Content-Length: ${body.length}\r\n`
const request = Buffer.concat([
  Buffer.from(
    `${file === '' ? 'GET' : 'POST'} ${url.pathname} HTTP/1.1\r\nHost: ${url.host}\r\n${length}\r\n`,
  ),
  body,
])
const latenciesMs: number[] = []
let broken = 0
let refused = 0

const began = performance.now()
const until = began + Number(seconds) * 1000

function open(): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(Number(url.port), url.hostname)
    let sentAt = 0
    let received = ''
    const send = (): void => {
      sentAt = performance.now()
      received = ''
      socket.write(request)
    }
    socket.setNoDelay(true)
    socket.on('connect', send)
    socket.on('data', (bytes: Buffer) => {
      received += bytes.toString('latin1')
      if (!isComplete(received)) return
      const now = performance.now()
      latenciesMs.push(now - sentAt)
      if (!received.startsWith('HTTP/1.1 2')) refused++
      if (now < until) send()
      else socket.destroy()
    })
    socket.on('error', () => undefined) // Its close follows, and is counted there.
    socket.on('close', () => {
      if (performance.now() < until) broken++
      resolve()
    })
    setTimeout(() => socket.destroy(), until - performance.now() + 2000).unref()
  })
}

function isComplete(received: string): boolean {
  const end = received.indexOf('\r\n\r\n')
  if (end < 0) return false
  const length = Number(/content-length: (\d+)/i.exec(received)?.[1])
  return received.length >= end + 4 + length
}

function report(): void {
  const elapsed = (performance.now() - began) / 1000
  latenciesMs.sort((a, b) => a - b)
  const at = (share: number): string =>
    (latenciesMs[Math.floor(latenciesMs.length * share)] ?? 0).toFixed(3)
  console.log(`     50%  ${at(0.5)}ms\n     99%  ${at(0.99)}ms`)
  console.log(`  ${latenciesMs.length} requests in ${elapsed.toFixed(3)}s, by ${connections}`)
  if (broken > 0) console.log(`  Socket errors: closed ${broken}`)
  if (refused > 0) console.log(`  Non-2xx or 3xx responses: ${refused}`)
}

void Promise.all(Array.from({ length: Number(connections) }, open)).then(report)
