import { readFileSync } from 'node:fs'
import { describe, it, onTestFinished } from 'vitest'
import { buildConformanceApp } from './app.ts'
import { replay, type Scenario } from './replay.ts'

const recordings = new URL('golden.json', import.meta.url)
const scenarios: Scenario[] = JSON.parse(readFileSync(recordings, 'utf8'))

describe('recorded frames', () => {
  for (const scenario of scenarios) it(scenario.name, () => play(scenario))
})

async function play(scenario: Scenario): Promise<void> {
  const app = await buildConformanceApp({ logLevel: 'silent' })
  onTestFinished(() => app.close())
  await replay(scenario, await app.listen({ port: 0, host: '127.0.0.1' }))
}
