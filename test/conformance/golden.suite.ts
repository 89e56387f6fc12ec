import { readFileSync } from 'node:fs'
import { it, onTestFinished } from 'vitest'
import { authSecret } from '../helpers/tokens.ts'
import { buildConformanceApp, type ConformanceOptions } from './app.ts'
import { replay, type Scenario } from './replay.ts'

const recordings = new URL('golden.json', import.meta.url)
const scenarios: Scenario[] = JSON.parse(readFileSync(recordings, 'utf8'))

/** Replay every recording but some against what `open` opens for it, the URL of a server. */
export function goldenSuite(open: () => Promise<string>, but: readonly string[] = []): void {
  for (const scenario of scenarios) {
    it.skipIf(but.includes(scenario.name))(scenario.name, async () => replay(scenario, await open()))
  }
}

/** The reference app until the end of the test; its URL. */
export async function openReference(options: ConformanceOptions = {}): Promise<string> {
  const app = await buildConformanceApp({ logLevel: 'silent', authSecret, ...options })
  onTestFinished(() => app.close())
  return app.listen({ port: 0, host: '127.0.0.1' })
}
