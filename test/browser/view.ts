/** What the page of examples/sub shows. */
import type { Page } from 'playwright-core'
import { elementsOf, fieldsOf } from '../helpers/json'
import { until } from '../helpers/until'

interface Row {
  type: unknown
  id: unknown
  text: unknown
}

export interface View {
  /** Oldest first. */
  rows(): Promise<Row[]>
  /** The texts of those rows that are no gap, oldest first. */
  texts(): Promise<unknown[]>
  /** Resolves when this is what the state begins with. */
  is(state: 'open' | 'reconnecting' | 'closed'): Promise<void>
  /** Resolves when so many rows that are no gap are there. */
  shows(count: number): Promise<void>
}

const ROWS = `[...document.querySelectorAll('#events li')].reverse().map((row) => ({
  type: row.dataset.type,
  id: row.dataset.id,
  text: row.querySelector('pre').textContent,
}))`

/** @param url of the page, with its query */
export async function openView(page: Page, url: string): Promise<View> {
  await page.goto(url)
  const rows = async (): Promise<Row[]> =>
    elementsOf(await page.evaluate<unknown>(ROWS)).map((each) => {
      const { type, id, text } = fieldsOf(each)
      return { type, id, text }
    })
  const texts = async (): Promise<unknown[]> =>
    (await rows()).filter(({ type }) => type !== 'gap').map(({ text }) => text)
  const state = (): Promise<string | null> => page.getAttribute('#state', 'data-state')
  return {
    rows,
    texts,
    async is(expected) {
      await until(async () => (await state()) === expected, 10_000)
    },
    async shows(count) {
      await until(async () => (await texts()).length >= count, 10_000)
    },
  }
}
