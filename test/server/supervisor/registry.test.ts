import { expect, test } from 'vitest'
import { defineWorker } from '../../../server/supervisor/define-worker.ts'
import { Registry } from '../../../server/supervisor/registry.ts'
import { supervise } from '../../helpers/supervise.ts'

const room = defineWorker({
  name: 'room',
  init: (context: { room: string }) => ({ ...context, messages: 0 }),
  handleInfo: {
    close: () => ({ stop: 'normal' }),
    crash() {
      throw new Error('broke')
    },
  },
  handleCall: {
    post(_value, state) {
      state.messages += 1
      return { reply: `${state.room} ${state.messages}` }
    },
  },
})

function openRooms() {
  const supervisor = supervise()
  return { supervisor, rooms: new Registry(supervisor, { worker: room, context: (key) => ({ room: key }) }) }
}

test('has one worker per key, started on first use (SUPERVISE-9)', async () => {
  const { supervisor, rooms } = openRooms()
  expect(rooms.whereis('a')).toBeNull()
  const handles = await Promise.all([rooms.ensure('a'), rooms.ensure('b'), rooms.ensure('a')])
  for (const handle of handles) await handle.call('post')
  expect(await rooms.whereis('a')?.call('post')).toBe('a 3')
  expect(await rooms.whereis('b')?.call('post')).toBe('b 2')
  expect(rooms.keys()).toEqual(['a', 'b'])
  expect(supervisor.children().map(({ id }) => id)).toEqual(['room:a', 'room:b'])
})

test('a worker that ends itself is removed, and the next caller gets a new one', async () => {
  const { rooms } = openRooms()
  const first = await rooms.ensure('a')
  await first.call('post')
  first.send('close')
  await expect(first.call('post')).rejects.toMatchObject({ reason: 'ended', cause: 'normal' })
  expect(await (await rooms.ensure('a')).call('post')).toBe('a 1')
})

test('a worker that crashes is restarted under its key', async () => {
  const { rooms } = openRooms()
  const handle = await rooms.ensure('a')
  handle.send('crash')
  await expect(handle.call('post')).rejects.toMatchObject({ reason: 'ended' })
  expect(await (await rooms.ensure('a')).call('post')).toBe('a 1')
  expect(handle.info.restarts).toBe(1)
})

test('ignores other children, and keeps no state of ended rooms', async () => {
  const { supervisor, rooms } = openRooms()
  await supervisor.startChild({ worker: room, context: { room: 'x' } })
  const handles = await Promise.all(Array.from({ length: 50 }, (_, index) => rooms.ensure(`${index}`)))
  expect(rooms.keys()).toHaveLength(50)
  await Promise.all(handles.map((handle) => handle.stop()))
  expect(rooms.keys()).toEqual([])
  expect(supervisor.children()).toHaveLength(1)
})

test('creates the context only for the first start of a worker', async () => {
  const supervisor = supervise()
  let contexts = 0
  const context = (key: string) => {
    contexts += 1
    if (contexts > 1) throw new Error('no second context')
    return { room: key }
  }
  const rooms = new Registry(supervisor, { worker: room, context })
  const handle = await rooms.ensure('a')
  expect(await (await rooms.ensure('a')).call('post')).toBe('a 1')
  handle.send('crash')
  expect(await (await rooms.ensure('a')).call('post').catch(() => rooms.ensure('a'))).toBeDefined()
  await expect(rooms.ensure('b')).rejects.toThrow('no second context')
  expect(rooms.keys()).toEqual(['a'])
})

test('refuses a key whose id belongs to another worker', async () => {
  const supervisor = supervise()
  const other = defineWorker({ name: 'other', init() {} })
  const rooms = new Registry(supervisor, { worker: room, context: (key) => ({ room: key }) })
  const games = new Registry(supervisor, { worker: other, name: 'room:x', context: () => undefined })
  await rooms.ensure('x:1')
  await expect(games.ensure('1')).rejects.toMatchObject({
    code: 'PHX_ERR_OPTION',
    message:
      'child "room:x:1" exists already and runs another worker ("room"): choose another `name` for the registry',
  })
})

test('refuses options without a worker or a context', () => {
  const supervisor = supervise()
  const wrong = { worker: room, context: {} } as unknown as {
    worker: typeof room
    context: () => { room: string }
  }
  expect(() => new Registry(supervisor, wrong)).toThrow(
    'registry: `context` must be a function (got an empty object)',
  )
})
