/** What is published arrives as the standard has it (WHATWG HTML, server-sent events), whoever reads: the table of cases.ts through independent clients. */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { Browser } from 'playwright-core'
import { describeWithChromium, launchChromium } from '../browser/chromium'
import { describeWithRedis } from '../helpers/redis'
import { type Case, cases, LAST } from './cases'
import { type Event, parse, queryOf, readBytes, readInPage, readWithPackage } from './readers'
import { channels, openTable, type Table, type Way, ways } from './table'

type Saw = Record<Way, Record<string, Event[][]>>

const numbered: (Case & { n: number })[] = [
  ...cases.map((each, n) => ({ ...each, n })),
  { name: 'the end', payload: LAST, sees: { event: 'end', data: '' }, n: cases.length },
]

/** Of the table, not of its end. */
const idsOf = (seen: Event[][] = []): unknown[] =>
  seen.slice(0, cases.length).map((events) => events[0]?.id)

/** Of all readers, what is to be compared: not the ids. */
function sightsOf(saw: Saw, n: number): unknown {
  const sights = Object.entries(saw).flatMap(([way, readers]) =>
    Object.entries(readers).map(([reader, seen]) => {
      const events = (seen[n] ?? []).map(({ event, data }) => ({ event, data }))
      return [`${reader}, ${way}`, events] as const
    }),
  )
  return Object.fromEntries(sights)
}

function expectedOf(saw: Saw, { sees: { event = 'message', data } }: Case): unknown {
  const sights = Object.entries(saw).flatMap(([way, readers]) =>
    Object.keys(readers).map((reader) => [`${reader}, ${way}`, [{ event, data }]] as const),
  )
  return Object.fromEntries(sights)
}

describeWithRedis('a client (eventsource-parser, eventsource) sees', () => {
  let table: Table
  const saw: Saw = { PUBLISH: {}, XADD: {} }
  const streams: Record<Way, Buffer> = { PUBLISH: Buffer.of(), XADD: Buffer.of() }
  beforeAll(async () => {
    table = await openTable()
    for (const way of ways) {
      const url = `${table.url}sub/${channels[way]}`
      const parser = readBytes(url)
      saw[way] = await table.run(way, { parser, eventsource: readWithPackage(url) })
      streams[way] = parser.stream
    }
  })
  afterAll(() => table.stop())

  test.each(numbered)('$name', (each) => {
    expect(sightsOf(saw, each.n)).toEqual(expectedOf(saw, each))
  })

  test.each(ways)('the same however the bytes are cut up (%s)', (way) => {
    const stream = streams[way]
    const whole = parse(stream, stream.length)
    expect(parse(stream, 1)).toEqual(whole)
    expect(parse(stream, 7)).toEqual(whole)
    expect(parse(stream, 1460)).toEqual(whole)
  })

  test.each(ways)('the time to wait first, and no field that no standard knows (%s)', (way) => {
    const stream = streams[way]
    const { retries, comments, errors } = parse(stream, stream.length)
    expect(stream.subarray(0, 13).toString()).toBe('retry: 3000\n\n')
    expect(retries).toEqual([3000])
    expect(comments).toContain('joined')
    expect(errors).toEqual([])
    expect(stream.includes('\r')).toBe(false)
  })

  test('the id of each logged event and none of a live one', () => {
    expect(idsOf(saw.XADD.parser)).toEqual(table.ids.XADD)
    expect(idsOf(saw.XADD.eventsource)).toEqual(table.ids.XADD)
    expect(idsOf(saw.PUBLISH.parser)).toEqual(cases.map(() => undefined))
  })
})

describeWithChromium('a client (Chromium) sees', () => {
  let table: Table
  let browser: Browser
  const saw: Saw = { PUBLISH: {}, XADD: {} }
  beforeAll(async () => {
    ;[table, browser] = await Promise.all([openTable(), launchChromium()])
    for (const way of ways) {
      const page = await browser.newPage()
      await page.goto(`${table.url}?${queryOf([channels[way]])}`)
      saw[way] = await table.run(way, { chromium: readInPage(page, channels[way]) })
    }
  })
  afterAll(async () => {
    await browser.close()
    await table.stop()
  })

  test.each(numbered)('$name', (each) => {
    expect(sightsOf(saw, each.n)).toEqual(expectedOf(saw, each))
  })

  test('the id of each logged event; a live one has the id there was at joining', () => {
    for (const way of ways) {
      expect(idsOf(saw[way].chromium)).toEqual(table.ids[way])
    }
  })
})
