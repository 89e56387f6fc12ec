import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import { launchChromium } from '../helpers/chromium.ts'
import { PageProject } from '../helpers/page-project.ts'

let project: PageProject
beforeAll(async () => {
  project = await PageProject.create('docs/client.md')
}, 300_000)
afterAll(() => project?.remove())

it('compiles, with the packages and settings that the page names', () => project.check())

it('has modules that load', async () => {
  const modules = [...project.files.keys()].filter((name) => name.endsWith('.ts'))
  const output = await project.load(modules)
  expect(output.match(/^loaded .*$/gm)).toHaveLength(modules.length)
})

it('shows a room with React behind the proxy of Vite, even after the server has restarted', async () => {
  const server = await project.serve(['main.ts'])
  const env = { PORT: String(server.port), NO_COLOR: '1' }
  const vite = await project.serve(['node_modules/vite/bin/vite.js'], env)
  const browser = await launchChromium()
  onTestFinished(() => browser.close())
  const page = await browser.newPage()
  // Two servers and a browser start here, on a machine that may be busy.
  page.setDefaultTimeout(100_000)
  await page.goto(`http://localhost:${vite.port}`)

  const say = async (body: string) => {
    await page.getByLabel('Message').fill(body)
    await page.getByLabel('Message').press('Enter')
    await page.getByText(`Ann: ${body}`).waitFor()
  }
  await page.getByLabel('Message').waitFor()
  await say('Hello')
  expect(await page.getByRole('listitem').count()).toBe(1)

  // A new server has no history: the answer to the rejoin replaces what the page shows.
  server.stop()
  await server.exited
  await project.serve(['main.ts'], { PORT: String(server.port) })
  await page.getByText('Ann: Hello').waitFor({ state: 'detached' })
  await say('Back again')
}, 300_000)
