import { beforeEach, expect, it } from 'vitest'
import {
  CHECK_SCRIPT,
  CLEAN_SCRIPT,
  VERSION_FIELD,
  WRITE_SCRIPT,
} from '../../../server/redis/presence-scripts.ts'
import { redisUrl } from '../../helpers/redis.ts'
import { TestConnection } from '../../helpers/redis-connection.ts'
import { until } from '../../helpers/until.ts'

const LIFETIME = '60000'
const ANN = ['n.1/F1', '["ann",{"phx_ref":"F1"}]']
const BOB = ['n.1/F2', '["bob",{"phx_ref":"F2"}]']

let connection: TestConnection
let key: string
let heard: string[]
beforeEach(async () => {
  connection = await TestConnection.open({ url: await redisUrl() })
  key = connection.keys.ofTopic('room:a', 'presence', 'room:*')
  heard = []
  await connection.subscriptions.subscribe(key, (message) => heard.push(message.toString()))
})

const write = (joins: string[][], leaves: string[]) =>
  connection.script(
    WRITE_SCRIPT,
    [key],
    [LIFETIME, connection.publishCommand, key, String(joins.length), ...joins.flat(), ...leaves],
  )
const version = async () => Number(await connection.command(key, ['HGET', key, VERSION_FIELD]))
const exists = () => connection.command(key, ['EXISTS', key])

/** The next message, with versions told as how far they are from the given one. */
async function diff(base: number): Promise<unknown[]> {
  await until(() => heard.length > 0)
  const [from, to, ...change] = JSON.parse(heard.shift() ?? '')
  return [from === 0 ? 'empty' : from - base, to === 0 ? 'empty' : to - base, ...change]
}

it('numbers changes consecutively, and publishes each', async () => {
  await write([ANN], [])
  const first = await version()
  expect(await diff(first)).toEqual(['empty', 0, { 'n.1/F1': ['ann', { phx_ref: 'F1' }] }, []])
  await write([BOB], ['n.1/F1'])
  expect(await diff(first)).toEqual([0, 1, { 'n.1/F2': ['bob', { phx_ref: 'F2' }] }, ['n.1/F1']])
  expect(await version()).toBe(first + 1)
  expect(Number(await connection.command(key, ['PTTL', key]))).toBeGreaterThan(59_000)
})

it('removes an empty topic, and numbers the next change higher than all before', async () => {
  await write([ANN], [])
  const first = await version()
  await write([], ['n.1/F1'])
  expect(await exists()).toBe(0)
  await write([BOB], [])
  expect(await version()).toBeGreaterThan(first + 1)
  heard.shift()
  expect(await diff(first)).toEqual([0, 'empty', {}, ['n.1/F1']])
  expect(await diff(await version())).toEqual(['empty', 0, expect.anything(), []])
})

it('publishes no join of a presence that exists already', async () => {
  await write([ANN], [])
  const first = await version()
  await write([ANN], [])
  await write([ANN, BOB], [])
  heard.shift()
  expect(await diff(first)).toEqual([0, 1, { 'n.1/F2': expect.anything() }, []])
})

it('publishes a leave of a presence that Redis does not have', async () => {
  await write([], ['n.1/F1'])
  expect(await diff(0)).toEqual(['empty', 'empty', {}, ['n.1/F1']])
  expect(await exists()).toBe(0)
})

it('returns the version, and extends the lifetime', async () => {
  expect(await connection.script(CHECK_SCRIPT, [key], [LIFETIME])).toBeNull()
  await write([ANN], [])
  await connection.command(key, ['PEXPIRE', key, '1000'])
  expect(Number(await connection.script(CHECK_SCRIPT, [key], [LIFETIME]))).toBe(await version())
  expect(Number(await connection.command(key, ['PTTL', key]))).toBeGreaterThan(59_000)
})

it('removes entries of expired incarnations without publishing; twice is harmless', async () => {
  await write([ANN, BOB], [])
  const before = await version()
  for (const _cleaner of [1, 2]) await connection.script(CLEAN_SCRIPT, [key], ['n.1/F1'])
  expect(await version()).toBe(before)
  expect(await connection.command(key, ['HKEYS', key])).toEqual(expect.not.arrayContaining(['n.1/F1']))
  for (const _cleaner of [1, 2]) await connection.script(CLEAN_SCRIPT, [key], ['n.1/F1', 'n.1/F2'])
  expect(await exists()).toBe(0)
  heard.shift()
  await write([ANN], [])
  expect(await diff(await version())).toEqual(['empty', 0, expect.anything(), []])
})
