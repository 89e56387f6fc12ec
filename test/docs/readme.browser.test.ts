import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import { launchChromium } from '../helpers/chromium.ts'
import { PageProject } from '../helpers/page-project.ts'

let project: PageProject
beforeAll(async () => {
  project = await PageProject.create('README.md')
}, 300_000)
afterAll(() => project?.remove())

it('the page of the README sends messages to its server, and receives them in another window', async () => {
  const { port } = await project.serve(['server.ts'])
  const browser = await launchChromium()
  onTestFinished(() => browser.close())
  const windows = [await browser.newPage(), await browser.newPage()]
  const complaints: string[] = []
  for (const page of windows) {
    page.on('pageerror', (error) => complaints.push(String(error)))
    await page.goto(`http://localhost:${port}`)
  }
  const [writer, reader] = windows

  // The client queues pushes until the join is answered; broadcasts do not wait for the other window.
  await expect
    .poll(async () => {
      await writer?.getByLabel('Message').fill('Hello')
      await writer?.getByLabel('Message').press('Enter')
      return reader?.getByText('Hello').count()
    })
    .toBeGreaterThan(0)

  await writer?.getByText('Hello').first().waitFor()
  expect(complaints).toEqual([])
})
