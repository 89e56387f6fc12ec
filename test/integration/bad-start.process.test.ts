import { once } from 'node:events'
import { createServer } from 'node:net'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { bundle, OwnProcess, type Scripts } from '../helpers/own-process.ts'

describe('the process', () => {
  let scripts: Scripts
  beforeAll(async () => {
    scripts = await bundle({ main: 'server/app/main.ts' })
  })
  afterAll(() => scripts.remove())

  /** The one line that it ends with. */
  async function refusal(env: Record<string, string>): Promise<string> {
    const started = new OwnProcess(`${scripts.folder}/main.js`, { LOG_LEVEL: 'silent', ...env })
    expect(await started.exited).toEqual({ code: 1, signal: null })
    expect(started.lines).toHaveLength(1)
    return String(started.lines[0])
  }

  it.each([
    ['PORT', 'abc', 'a whole number from 0 to 65535'],
    ['PORT', '70000', 'a whole number from 0 to 65535'],
    ['NOTIFY_EVERY_MS', '-1', 'a whole number from 0 to 2147483647'],
    ['LOG_LEVEL', 'loud', 'one of fatal, error, warn, info, debug, trace, silent'],
  ])('%s=%s ends the start with one clear line', async (name, value, legal) => {
    expect(await refusal({ [name]: value })).toBe(
      `fastify-phoenix: ${name} must be ${legal} (got "${value}")`,
    )
  })

  it('a port in use ends the start with one clear line, and the other process continues', async () => {
    const owner = createServer((socket) => socket.end('mine'))
    await once(owner.listen(0, '127.0.0.1'), 'listening')
    onTestFinished(() => void owner.close())
    const { port } = owner.address() as { port: number }
    expect(await refusal({ PORT: String(port) })).toContain(
      `EADDRINUSE: address already in use 127.0.0.1:${port}`,
    )
    expect(owner.listening).toBe(true)
  })
})
