import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { findRedis, ownPrefix, startRedis } from './redis.ts'

test('finds redis-server, otherwise valkey-server, in the folders of PATH', async () => {
  const [one, other] = [await mkdtemp(join(tmpdir(), 'bin-')), await mkdtemp(join(tmpdir(), 'bin-'))]
  onTestFinished(async () => {
    for (const folder of [one, other]) await rm(folder, { recursive: true })
  })
  await writeFile(join(one, 'valkey-server'), '')
  const env = { PATH: [one, other].join(delimiter) }
  expect(await findRedis(env)).toBe(join(one, 'valkey-server'))
  await writeFile(join(other, 'redis-server'), '')
  expect(await findRedis(env)).toBe(join(other, 'redis-server'))
})

test('a server that was killed has its data again, unless it was started empty', async () => {
  const server = await startRedis()
  await server.cli('SET', 'key', 'value')
  await server.restart()
  expect(await server.cli('GET', 'key')).toBe('value')
  await server.restart({ empty: true })
  expect(await server.cli('GET', 'key')).toBe('')
})

test('all prefixes are different', () => {
  expect(new Set([ownPrefix(), ownPrefix(), ownPrefix()]).size).toBe(3)
})
