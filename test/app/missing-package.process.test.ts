import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'tsup'
import { expect, onTestFinished, test } from 'vitest'
import { app } from '../../tsup.config.ts'
import { OwnProcess } from '../helpers/own-process.ts'

test('without the development dependencies, the start fails with one line that says what to do', async () => {
  const outDir = await mkdtemp(join(tmpdir(), 'pruned-'))
  onTestFinished(() => rm(outDir, { recursive: true }))
  await build({ ...app, outDir, config: false, silent: true })
  await writeFile(join(outDir, 'package.json'), '{"type":"module"}')

  const started = new OwnProcess(join(outDir, 'main.js'))

  expect(await started.exited).toEqual({ code: 1, signal: null })
  expect(started.lines).toEqual([
    expect.stringMatching(/^fastify-phoenix: the package \S+ is missing: .*`npm ci`$/),
  ])
})
