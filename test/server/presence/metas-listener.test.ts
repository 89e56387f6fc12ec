import { expect, it } from 'vitest'
import { Deferred, turn } from '../../helpers/deferred.ts'
import { PresenceRoom } from '../../helpers/presence-room.ts'

type Metas = { [key: string]: { metas: { name: string }[] } }
const names = (entries: Metas) =>
  Object.entries(entries).flatMap(([key, { metas }]) => metas.map(({ name }) => `${key}:${name}`))

it('is called for every join and leave, including those that no diff contains (PRESENCE-13)', async () => {
  const heard: unknown[] = []
  const room = new PresenceRoom({
    handleMetas: (topic, { joins, leaves }, { list }) => {
      heard.push([topic, names(joins), names(leaves), names(list())])
    },
  })
  const { presence } = room
  const member = await room.join()
  presence.track(member.socket, 'ann', { name: 'Ann' })
  presence.update(member.socket, 'ann', { name: 'Anna' })
  member.client.socket.closed('closed')
  expect(heard).toEqual([
    ['room:a', ['ann:Ann'], [], ['ann:Ann']],
    ['room:a', ['ann:Anna'], ['ann:Ann'], ['ann:Anna']],
    ['room:a', [], ['ann:Anna'], []],
  ])
})

it('is called for one change at a time, even while a promise is pending or from inside the callback', async () => {
  const [gate, heard] = [new Deferred(), [] as string[]]
  const room = new PresenceRoom({
    async handleMetas(_topic, { joins }) {
      const [key = ''] = Object.keys(joins)
      heard.push(`begin ${key}`)
      if (key === 'ann') room.presence.track(member.socket, 'bob', { name: 'Bob' })
      await gate.promise
      heard.push(`end ${key}`)
    },
  })
  const member = await room.join()
  room.presence.track(member.socket, 'ann', { name: 'Ann' })
  expect(heard).toEqual(['begin ann'])
  gate.resolve()
  await turn()
  expect(heard).toEqual(['begin ann', 'end ann', 'begin bob', 'end bob'])
})

it('if it throws or rejects, this is reported, and it is called for the next change', async () => {
  let calls = 0
  const room = new PresenceRoom({
    handleMetas() {
      calls += 1
      if (calls === 1) throw new Error('one')
      return Promise.reject(new Error('two'))
    },
  })
  const member = await room.join()
  for (const key of ['a', 'b', 'c']) {
    expect(room.presence.track(member.socket, key, { name: key })).toHaveProperty('ok')
  }
  await turn()
  expect(room.endpoint.errors.map(({ message }) => message)).toEqual([
    'room:*: handleMetas failed: one',
    'room:*: handleMetas failed: two',
    'room:*: handleMetas failed: two',
  ])
  expect(member.received()).toHaveLength(1)
})

it('can broadcast to the topic', async () => {
  const room = new PresenceRoom({
    handleMetas(topic, { joins }, { endpoint }) {
      for (const key of Object.keys(joins)) endpoint.localBroadcast(topic, 'user_joined', { key })
    },
  })
  const member = await room.join()
  room.presence.track(member.socket, 'ann', { name: 'Ann' })
  expect(member.received()).toEqual([['user_joined', { key: 'ann' }]])
})
