import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { AxeResults } from 'axe-core'
import type { Page } from 'playwright-core'

const source = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** Rules of axe that the page violates at the moment, and the elements that violate them. */
export async function violationsOf(page: Page): Promise<Record<string, string[]>> {
  // By the debugger, which the page's policy does not concern.
  await page.evaluate(source)
  // Half faded in, text has little contrast, and messages may come while axe looks.
  await page.emulateMedia({ reducedMotion: 'reduce' })
  const { violations } = (await page.evaluate('axe.run()')) as AxeResults
  return Object.fromEntries(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]))
}
