/** The page of examples/stream in a browser, as it is served through front and worker. */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { Browser, Page } from 'playwright-core'
import type { Launched } from '../../launch/test/launched'
import { describeWithChromium, launchChromium } from '../browser/chromium'
import { elementsOf } from '../helpers/json'
import { until } from '../helpers/until'
import { type Stage, startStage } from './stage'

const TOKEN_MS = 20
const MANY = 500
/** Writes down how long the answer was each time it changed. */
const WATCH = `{
  window.lengths = []
  const answer = document.querySelector('#answer')
  new MutationObserver(() => lengths.push(answer.textContent.length))
    .observe(answer, { childList: true, characterData: true, subtree: true })
}`

describeWithChromium('the page of examples/stream', () => {
  let browser: Browser
  let page: Page
  let stage: Stage
  let worker: Launched
  beforeAll(async () => {
    ;[browser, stage] = await Promise.all([
      launchChromium(),
      startStage('through the mailbox', 'tempest'),
    ])
    worker = await stage.work('node', 'tempest', TOKEN_MS)
    page = await browser.newPage()
    await page.goto(stage.url)
  })
  afterAll(async () => {
    await browser.close()
    await stage.stop()
  })

  const answer = (): Promise<string | null> => page.textContent('#answer')
  async function send(prompt: string): Promise<void> {
    await page.getByLabel('Prompt').fill(prompt)
    await page.getByRole('button', { name: 'Send' }).click()
  }
  async function is(state: string): Promise<void> {
    await page.locator(`#state[data-state=${state}]`).waitFor({ timeout: 10_000 })
  }

  test('grows token by token', async () => {
    const prompt = await page.getByLabel('Prompt').inputValue()
    await page.evaluate(WATCH)
    await page.getByRole('button', { name: 'Send' }).click()
    await until(answer)
    await is('done')
    const words = prompt.trim().split(/\s+/)
    expect(await answer()).toBe(`${words.join(' ')} `)
    const lengths = elementsOf(await page.evaluate<unknown>('lengths')).map(Number)
    expect(new Set(lengths).size).toBeGreaterThan(words.length / 2)
    expect(lengths).toEqual([...lengths].sort((a, b) => a - b))
  })

  test('takes no token for markup', async () => {
    const evil = '<img src=x onerror="window.hacked=1"> </p><b>bold</b> &amp;'
    await send(evil)
    await is('done')
    expect(await answer()).toBe(`${evil} `)
    expect(await page.locator('#answer *').count()).toBe(0)
    expect(await page.evaluate<unknown>('window.hacked')).toBeUndefined()
  })

  test('stops, and then so does the worker', async () => {
    await send('x '.repeat(MANY))
    await until(async () => (await answer())?.includes('x'))
    await page.getByRole('button', { name: 'Stop' }).click()
    await is('stopped')
    await worker.says(new RegExp(`made \\d+ of ${MANY} tokens`))
    expect(worker.output()).not.toContain(`made ${MANY} of`)
    expect(await page.getByRole('button', { name: 'Stop' }).isDisabled()).toBe(true)
    expect((await answer())?.length).toBeLessThan(MANY * 2)
  })

  test('forgets what it was doing when it is asked again', async () => {
    await send('y '.repeat(MANY))
    await until(async () => (await answer())?.includes('y'))
    await send('and again')
    await is('done')
    expect(await answer()).toBe('and again ')
  })

  test('tells when the worker dies, and works with the next one', async () => {
    await send('z '.repeat(MANY))
    await until(async () => (await answer())?.includes('z'))
    worker.signal('SIGKILL')
    await is('failed')
    expect(await page.textContent('#state')).toMatch(/^failed: .*WORKER_LOST/)
    expect(await answer()).toMatch(/^(z )+$/)
    await stage.work('node', 'tempest', TOKEN_MS)
    await send('here again')
    await is('done')
    expect(await answer()).toBe('here again ')
  })
})
