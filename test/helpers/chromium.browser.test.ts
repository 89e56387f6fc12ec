import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { findChromium, findShell } from './chromium.ts'

function folderWith(scripts: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), 'browser-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  for (const [name, script] of Object.entries(scripts)) {
    writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 })
  }
  return folder
}

test('CHROMIUM_PATH takes precedence over all other browsers', async () => {
  const folder = folderWith({ mine: 'exit 0', chromium: 'exit 0' })
  const env = { CHROMIUM_PATH: join(folder, 'mine'), PATH: folder }
  await expect(findChromium(env)).resolves.toBe(join(folder, 'mine'))
})

test('a CHROMIUM_PATH that cannot be run is an error that names it', async () => {
  await expect(findChromium({ CHROMIUM_PATH: '/no/such/browser' })).rejects.toThrow(
    'CHROMIUM_PATH=/no/such/browser is not a browser that runs.',
  )
})

test('a browser is found on the PATH, and one that cannot be run is skipped', async () => {
  const broken = folderWith({ chromium: 'exit 1' })
  const fine = folderWith({ 'google-chrome': 'exit 0' })
  await expect(findChromium({ PATH: [broken, fine].join(delimiter) })).resolves.toBe(
    join(fine, 'google-chrome'),
  )
})

test('a headless shell is found on the PATH, unless CHROMIUM_PATH is set', async () => {
  const folder = folderWith({ chromium: 'exit 0', 'chromium-headless-shell': 'exit 0' })
  await expect(findShell({ PATH: folder })).resolves.toBe(join(folder, 'chromium-headless-shell'))
  await expect(findShell({ PATH: folder, CHROMIUM_PATH: join(folder, 'chromium') })).resolves.toBeNull()
})
