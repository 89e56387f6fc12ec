import { afterAll, beforeAll, expect, it } from 'vitest'
import { PageProject } from '../helpers/page-project.ts'

/** Serves the contract of the page, opens its client twice, as a reload does, and prints what each page shows. */
const RELOAD = `
  import { defineChannel, defineSocket, phoenix } from 'fastify-phoenix'
  import fastify from 'fastify'
  import { WebSocket } from 'ws'
  import { Lobby } from './lobby.ts'
  import { openLobby } from './lobby-client.ts'

  const stored = new Map()
  globalThis.sessionStorage = {
    getItem: (key) => stored.get(key) ?? null,
    setItem: (key, value) => void stored.set(key, value),
  }
  globalThis.WebSocket ??= WebSocket

  const LobbyChannel = defineChannel(Lobby, {
    join: () => ({ ok: {} }),
    handleIn: {
      new_msg: (payload, socket) => socket.broadcast('new_msg', payload),
      typing: (payload, socket) => socket.broadcastFrom('typing', payload),
    },
  })
  const UserSocket = defineSocket({ connect: () => ({ ok: {} }) }).id(() => 'user').channel(LobbyChannel)
  const app = fastify()
  await app.register(phoenix, { sockets: { '/socket': { socket: UserSocket, authToken: true } } })
  const url = (await app.listen({ port: 0, host: '127.0.0.1' })).replace('http', 'ws') + '/socket'

  const say = (body) => app.endpoint.broadcast(Lobby, 'room:lobby', 'new_msg', { body })
  const until = async (isTrue) => {
    while (!isTrue()) await new Promise((resolve) => setTimeout(resolve, 10))
  }
  const members = (count) => until(() => app.endpoint.localMemberCount('room:lobby') === count)
  const open = () => {
    const page = { shown: [] }
    page.room = openLobby(url, 'a token', (lines) => (page.shown = [...lines]))
    return page
  }

  await say('before')
  const first = open()
  await until(() => first.shown.length === 1)
  first.room.push('new_msg', { body: 'own' })
  await until(() => first.shown.length === 2)
  first.room.socket.disconnect()
  await members(0)
  await say('missed')
  const second = open()
  const saved = second.shown
  await until(() => second.shown.length === 3)
  second.room.socket.disconnect()
  await members(0)
  for (let n = 0; n < 300; n += 1) await say('flood')
  const third = open()
  await until(() => third.shown.length === 54)
  console.log('result ' + JSON.stringify([first.shown, saved, second.shown, third.shown.slice(0, 5)]))
  process.exit(0)`

let project: PageProject
beforeAll(async () => {
  project = await PageProject.create('docs/recovery.md')
}, 300_000)
afterAll(() => project?.remove())

it('compiles, with the packages and settings that the page names', () => project.check())

it('has a client that continues after a reload, and shows where messages are missing', async () => {
  await project.installed.write('reload.mjs', RELOAD)
  const output = await project.node(['reload.mjs'])
  expect(JSON.parse(/^result (.*)$/m.exec(output)?.[1] ?? '[]')).toEqual([
    ['before', 'own'],
    ['before', 'own'],
    ['before', 'own', 'missed'],
    ['before', 'own', 'missed', '(Messages are missing here.)', 'flood'],
  ])
})
