import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { EndpointServer } from '../../../server/endpoint/endpoint.ts'
import { KeyReusedError } from '../../../server/errors.ts'
import { RedisEngine } from '../../../server/redis/index.ts'
import { KeptRoom } from '../../helpers/kept-room.ts'

async function folder() {
  const path = await mkdtemp(join(tmpdir(), 'history-'))
  onTestFinished(() => rm(path, { recursive: true, force: true }))
  return { path, historyFile: join(path, 'history') }
}

/** A process of the endpoint's, and what it logs. */
async function start(historyFile: string) {
  const [warn, error] = [vi.fn(), vi.fn()]
  const endpoint = new EndpointServer({
    histories: [KeptRoom],
    historyFile,
    logger: { warn, error, info: vi.fn() },
  })
  await endpoint.start()
  onTestFinished(() => endpoint.stop())
  const say = (n: number, key?: string) =>
    endpoint.publish(KeptRoom, 'log:a', 'msg', { n }, key === undefined ? {} : { key })
  const read = () => endpoint.history(KeptRoom, 'log:a', { last: 10 })
  return { endpoint, say, read, warn, error }
}

test('epoch, sequence numbers, messages and keys continue in the next process', async () => {
  const { historyFile } = await folder()
  const first = await start(historyFile)
  for (const n of [1, 2]) await first.say(n, `k-${n}`)
  const before = await first.read()
  await first.endpoint.stop()

  const next = await start(historyFile)
  expect(await next.read()).toEqual(before)
  expect(await next.say(2, 'k-2')).toBe(true)
  await expect(next.say(3, 'k-2')).rejects.toThrow(KeyReusedError)
  await next.say(3)
  expect(await next.read()).toMatchObject({
    epoch: before?.epoch,
    head: 3,
    messages: [1, 2, 3].map((n) => ({ seq: n, payload: { n } })),
  })
})

test('the file is readable only by its user, and written when nothing more can be kept', async () => {
  const { path, historyFile } = await folder()
  const { endpoint, say } = await start(historyFile)
  await say(1)
  expect(await readdir(path)).toEqual([])
  await endpoint.stop()

  expect(await say(2)).toBe(false)
  expect(await readdir(path)).toEqual(['history'])
  expect((await stat(historyFile)).mode & 0o777).toBe(0o600)
})

test('the file is read once: a process that crashes leaves no file to the next', async () => {
  const { path, historyFile } = await folder()
  const first = await start(historyFile)
  await first.say(1)
  await first.endpoint.stop()

  const crashed = await start(historyFile)
  expect(await crashed.read()).toMatchObject({ head: 1 })
  expect(await readdir(path)).toEqual([])
  expect(await (await start(historyFile)).read()).toMatchObject({ head: 0 })
})

test.each([
  ['is cut off', (text: string) => text.slice(0, -9)],
  ['was edited', (text: string) => text.replace('"head":1', '"head":2')],
  ['is of another version', (text: string) => text.replace('history 1 ', 'history 2 ')],
  ['is empty', () => ''],
])('a file that %s causes a warning, and the history starts empty', async (_what, edit) => {
  const { path, historyFile } = await folder()
  const first = await start(historyFile)
  await first.say(1)
  await first.endpoint.stop()
  await writeFile(historyFile, edit(await readFile(historyFile, 'utf8')))

  const next = await start(historyFile)
  expect(await next.read()).toMatchObject({ head: 0, messages: [] })
  expect(next.warn.mock.calls).toMatchObject([
    [{ file: historyFile }, expect.stringContaining('history file')],
  ])
  expect(await readdir(path)).toEqual(['history.taken'])
})

test('a file that is older than the lifetime of messages causes a warning, and the history starts empty', async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  onTestFinished(() => void vi.useRealTimers())
  const { historyFile } = await folder()
  const first = await start(historyFile)
  await first.say(1)
  await first.endpoint.stop()
  vi.setSystemTime(Date.now() + 60_000)

  const next = await start(historyFile)
  expect(await next.read()).toMatchObject({ head: 0, messages: [] })
  expect(next.warn.mock.calls).toMatchObject([[{ expired: 1 }, expect.stringContaining('old')]])
})

test('if the file cannot be written, the stop logs an error and continues', async () => {
  const { path, historyFile } = await folder()
  const { endpoint, error } = await start(historyFile)
  await rm(path, { recursive: true })
  await endpoint.stop()
  expect(error).toHaveBeenCalledOnce()
})

test('an endpoint that has not started writes no file', async () => {
  const { path, historyFile } = await folder()
  await new EndpointServer({ histories: [KeptRoom], historyFile }).stop()
  expect(await readdir(path)).toEqual([])
})

test('a folder that does not exist is refused at the start', async () => {
  const { path } = await folder()
  const endpoint = new EndpointServer({ histories: [KeptRoom], historyFile: join(path, 'none', 'history') })
  await expect(endpoint.start()).rejects.toThrow('`historyFile` must be in a folder that exists')
})

test('a path that cannot be looked up is refused at the start', async () => {
  const { path } = await folder()
  const endpoint = new EndpointServer({ histories: [KeptRoom], historyFile: join(path, 'n'.repeat(300)) })
  await expect(endpoint.start()).rejects.toMatchObject({ name: 'UsageError', code: 'PHX_ERR_OPTION' })
})

test('a folder in place of the file is refused at the start, and stays as it is', async () => {
  const { path } = await folder()
  await writeFile(join(path, 'kept'), 'kept')
  const endpoint = new EndpointServer({ histories: [KeptRoom], historyFile: path })
  await expect(endpoint.start()).rejects.toThrow(`\`historyFile\` must be the path of a file (got "${path}")`)
  await endpoint.stop()
  expect(await readdir(path)).toEqual(['kept'])
})

test('the option is refused without a history, and with an engine that keeps histories itself', () => {
  expect(() => new EndpointServer({ historyFile: 'history' })).toThrow('requires a contract with a `history`')
  const engine = new RedisEngine({ url: 'redis://127.0.0.1:1' })
  expect(() => new EndpointServer({ engine, histories: [KeptRoom], historyFile: 'history' })).toThrow(
    '`historyFile` cannot be used with this engine',
  )
})
