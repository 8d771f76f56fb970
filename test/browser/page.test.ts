/** The page of examples/sub in a browser: it shows what is published, as text, and says how the stream is. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import type { Browser, Page } from 'playwright-core'
import { elementsOf } from '../helpers/json'
import { startTestRedis, type TestRedis } from '../helpers/redis'
import { until } from '../helpers/until'
import { describeWithChromium, launchChromium } from './chromium'
import { type Site, startSite } from './site'
import { openView, type View } from './view'

/** Notes for how long the page wants to wait, and does not wait that long. */
const HURRY = `{
  const start = setTimeout
  window.delays = []
  window.setTimeout = (task, ms) => {
    window.delays.push(ms)
    return start(task, 20)
  }
}`

describeWithChromium('the page of examples/sub', () => {
  let browser: Browser
  let page: Page
  let redis: TestRedis
  let site: Site
  beforeAll(async () => {
    ;[browser, redis] = await Promise.all([launchChromium(), startTestRedis()])
    page = await browser.newPage()
  })
  beforeEach(async () => {
    site = await startSite(redis.url)
  })
  afterEach(async () => {
    await page.goto('about:blank')
    await site.stop()
    await redis.cli('FLUSHALL')
  })
  afterAll(async () => {
    await browser.close()
    await redis.stop()
  })

  async function open(query: Record<string, string>): Promise<View> {
    const view = await openView(page, `${site.url}?${String(new URLSearchParams(query))}`)
    if (!site.refusing) await view.is('open')
    return view
  }

  const log = async (channel: string, payload: string): Promise<string> =>
    String(await redis.cli('XADD', 'tempest:events', '*', 'channel', channel, 'data', payload))

  const publish = (channel: string, payload: string): Promise<unknown> =>
    redis.cli('PUBLISH', channel, payload)

  test('shows events of several channels, named ones too, with the ids of those that are logged', async () => {
    const before = await log('a', '["from before"]')
    const view = await open({ channels: 'a,b', events: 'tick, open,error' })
    // Live events reach who has joined: whose history is out.
    await view.shows(1)
    await publish('a', '["Bob"]')
    await publish('b', '["tick","Ann"]')
    await publish('b', '["error","is a name like others"]')
    await publish('c', '["of another channel"]')
    await publish('a', '["open","is one too"]')
    await view.shows(5)
    const id = await log('b', '["tick","logged"]')
    await view.shows(6)
    expect(await view.rows()).toEqual([
      { type: 'message', id: before, text: 'from before' },
      { type: 'message', id: before, text: 'Bob' },
      { type: 'tick', id: before, text: 'Ann' },
      { type: 'error', id: before, text: 'is a name like others' },
      { type: 'open', id: before, text: 'is one too' },
      { type: 'tick', id, text: 'logged' },
    ])
    expect(await page.textContent('#id')).toBe(id)
    expect(await page.textContent('#state')).toBe('open')
    expect(await page.title()).toBe('a, b · /sub')
  })

  test('subscribes to what is typed', async () => {
    await log('typed', 'is here')
    const view = await openView(page, site.url)
    expect(await page.textContent('#state')).toBe('closed')
    expect(site.asked).toEqual([])
    await page.getByLabel('Channels').fill('typed')
    await page.getByRole('button', { name: 'Subscribe' }).click()
    await view.shows(1)
    await page.getByRole('button', { name: 'Stop' }).click()
    await view.is('closed')
    expect(await view.texts()).toEqual(['is here'])
  })

  test('takes nothing that is published for markup', async () => {
    const evil = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script><b>bold</b>'
    const name = '<i>name</i>'
    const view = await open({ channels: 'a', events: name })
    await log('a', evil)
    await log('a', JSON.stringify([name, `</pre>${evil}`]))
    await log('a', JSON.stringify(['gap', evil]))
    await until(async () => (await view.rows()).length === 3)
    expect((await view.rows()).map(({ text }) => text)).toEqual([evil, `</pre>${evil}`, evil])
    const markup = `document.querySelectorAll('#events :is(img, script, pre *, b *, i)').length`
    expect(await page.evaluate<unknown>(markup)).toBe(0)
    expect(await page.evaluate<unknown>('window.hacked')).toBeUndefined()
  })

  test('shows a gap as one', async () => {
    await log('a', 'before it')
    const view = await open({ channels: 'a' })
    await view.shows(1)
    await redis.cli('CLIENT', 'KILL', 'TYPE', 'pubsub')
    await page.locator('#events li.gap').first().waitFor()
    await log('a', 'after it')
    await view.shows(2)
    const rows = (await view.rows()).map(({ type, text }) => [type, text])
    expect(rows).toEqual([
      ['message', 'before it'],
      ['gap', 'live'],
      ['message', 'after it'],
    ])
    expect(await page.textContent('#state')).toBe('open')
  })

  test('ends with its last channel and does not come back', async () => {
    const view = await open({ channels: 'a,b' })
    await log('a', '["$unsubscribe"]')
    await view.shows(1)
    expect(await page.textContent('#state')).toBe('open')
    await log('a', '["not seen"]')
    await log('b', '["seen"]')
    await log('b', '["$unsubscribe"]')
    await view.is('closed')
    expect((await view.rows()).map(({ type, text }) => [type, text])).toEqual([
      ['end', ''],
      ['message', 'seen'],
      ['end', ''],
    ])
    expect(await page.textContent('#state')).toBe('closed by the publisher')
    expect(site.asked.length).toBe(1)
  })

  test('opens a new EventSource where a status has ended the last, later each time, with the id it saw', async () => {
    const first = await log('a', 'one')
    const view = await open({ channels: 'a' })
    await view.shows(1)
    await page.evaluate(HURRY)
    site.refusing = true
    site.cut()
    await view.is('reconnecting')
    const second = await log('a', 'two')
    await until(() => site.asked.length >= 5)
    const third = await log('a', 'three')
    site.refusing = false
    await view.shows(3)
    expect(await view.rows()).toEqual([
      { type: 'message', id: first, text: 'one' },
      { type: 'message', id: second, text: 'two' },
      { type: 'message', id: third, text: 'three' },
    ])
    await view.is('open')
    const delays = elementsOf(await page.evaluate<unknown>('window.delays'))
    for (const [n, delay] of delays.entries()) {
      const longest = Math.min(500 * 2 ** n, 30_000)
      expect(delay).toBeGreaterThanOrEqual(longest / 2)
      expect(delay).toBeLessThanOrEqual(longest)
    }
    const [opened, back, ...anew] = site.asked
    expect(delays.length).toBe(anew.length)
    expect(opened).toEqual({ path: '/sub/a?last=20', lastEventId: undefined, refused: false })
    expect(back).toEqual({ path: '/sub/a?last=20', lastEventId: first, refused: true })
    for (const { path } of anew) expect(path).toBe(`/sub/a?lastEventId=${first}`)
  })

  test('loses nothing either where it was refused before it had seen an id', async () => {
    const view = await open({ channels: 'a', last: '1' })
    site.refusing = true
    site.cut()
    await until(() => site.asked.some(({ refused }) => refused))
    for (const text of ['one', 'two', 'three']) await log('a', text)
    site.refusing = false
    await view.shows(3)
    expect(await view.texts()).toEqual(['one', 'two', 'three'])
  })

  describe('takes an id that comes alone', () => {
    /** An event that is published live shows the last id there was. */
    async function has(view: View, id: string): Promise<void> {
      await until(async () => {
        await publish('a', 'x')
        return (await view.rows()).at(-1)?.id === id
      })
    }

    async function comesBackWith(id: string): Promise<void> {
      const count = site.asked.length
      site.cut()
      await until(() => site.asked.length > count)
      expect(site.asked[count]?.lastEventId).toBe(id)
    }

    test('at joining', async () => {
      const id = await log('other', 'x')
      await has(await open({ channels: 'a' }), id)
      await comesBackWith(id)
    })

    test('in a heartbeat', async () => {
      await site.stop()
      site = await startSite(redis.url, { heartbeatMs: 50 })
      const before = await log('other', 'x')
      const view = await open({ channels: 'a' })
      await has(view, before)
      const after = await log('other', 'x')
      await has(view, after)
      await comesBackWith(after)
    })
  })
})
