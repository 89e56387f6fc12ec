import { Socket } from 'phoenix'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { Token } from '../../server/index.ts'
import { block } from '../helpers/markdown.ts'
import { PageProject, type Served } from '../helpers/page-project.ts'

const PAGE = 'docs/guide.md'
const TESTS = /\.test\.ts$/
/** Have a test of their own, which needs Redis. */
const REDIS = ['cluster.ts', 'announce.ts', 'digest.ts', 'job.ts']
/** A program that talks to the running server. */
const PROGRAM = 'ann.ts'

/** Serves the channels that are not part of the page's application, talks to each, and prints what comes back. */
const CHANNELS = `
  import { defineSocket, phoenix } from 'fastify-phoenix'
  import fastify from 'fastify'
  import { Socket } from 'phoenix'
  import { WebSocket } from 'ws'
  import { AnnouncedChannel } from './announced-channel.ts'
  import { FilesChannel } from './files-channel.ts'
  import { OfficeChannel, OfficePresence } from './presence.ts'
  import { PricesChannel } from './prices-channel.ts'
  import { ReportsChannel } from './reports-channel.ts'

  // The service that makes the reports.
  globalThis.fetch = async (url) => ({ url: url + '/1' })

  const UserSocket = [AnnouncedChannel, FilesChannel, OfficeChannel, PricesChannel, ReportsChannel].reduce(
    (socket, channel) => socket.channel(channel),
    defineSocket({ connect: () => ({ ok: { name: 'Ann' } }) }),
  )
  const app = fastify()
  await app.register(phoenix, { sockets: { '/socket': UserSocket } })
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  const socket = new Socket(url.replace('http', 'ws') + '/socket', { transport: WebSocket })
  socket.connect()

  const settled = (push) => new Promise((resolve, reject) => push.receive('ok', resolve).receive('error', reject))
  const next = (channel, event) => new Promise((resolve) => channel.on(event, resolve))
  const open = async (topic, params, event) => {
    const channel = socket.channel(topic, params)
    const heard = event && next(channel, event)
    await settled(channel.join())
    return [channel, await heard]
  }

  const [room, welcome] = await open('room:lobby', {}, 'new_msg')
  const announced = next(room, 'new_msg')
  await app.endpoint.broadcast('news', 'flood', {})
  const [prices] = await open('prices:all', { above: 10 })
  const price = next(prices, 'price')
  for (const value of [5, 20]) await app.endpoint.broadcast('prices:all', 'price', { name: 'tea', price: value })
  const [reports] = await open('reports', {})
  const [files] = await open('files:shared', {})
  const [, state] = await open('office:berlin', { name: 'Ann' }, 'presence_state')
  const result = {
    welcome,
    news: await announced,
    price: await price,
    report: await settled(reports.push('make', {})),
    upload: (await settled(files.push('upload', new Uint8Array([1, 2]).buffer))).byteLength,
    state: Object.keys(state),
    list: Object.keys(await OfficePresence.list(app.endpoint, 'office:berlin')),
  }
  console.log('result ' + JSON.stringify(result))
  socket.disconnect()
  await app.close()`

let project: PageProject
beforeAll(async () => {
  project = await PageProject.create(PAGE)
}, 300_000)
afterAll(() => project?.remove())

it('compiles with its own script, to JavaScript that runs', async () => {
  await expect(project.script('build')).resolves.toContain('tsc')
  const { port } = await project.serve(['dist/main.js'])
  expect((await fetch(`http://localhost:${port}/asyncapi.json`)).status).toBe(200)
})

it('loads every module', async () => {
  const modules = [...project.files.keys()].filter(
    (name) => ![...REDIS, PROGRAM].includes(name) && !TESTS.test(name),
  )
  const output = await project.load(modules)
  expect(output.match(/^loaded .*$/gm)).toEqual(modules.map((name) => `loaded ${name}`))
})

it('passes its own tests', async () => {
  const output = await project.script('test')
  expect(output).toMatch(/^(?:#|ℹ) fail 0$/m)
  expect(output).toContain('a message is numbered and goes to everybody')
})

it('has channels that behave as the page says', async () => {
  await project.installed.write('channels.mjs', CHANNELS)
  const output = await project.node(['channels.mjs'])
  expect(JSON.parse(/^result (.*)$/m.exec(output)?.[1] ?? '{}')).toEqual({
    welcome: { from: 'the porter', body: 'Welcome' },
    news: { from: 'news', body: 'flood' },
    price: { name: 'tea', price: 20 },
    report: { url: 'https://reports.example.com/1' },
    upload: 32,
    state: ['Ann'],
    list: ['Ann'],
  })
  expect(output).toContain('room:lobby ended')
})

describe('the server', () => {
  it('is started by `npm run dev` in development mode', () => {
    const { scripts } = JSON.parse(block(PAGE, 'package.json').text)
    expect(scripts.dev).toBe('NODE_ENV=development node --watch main.ts')
    expect(scripts.start).toBe('node main.ts')
  })

  it('serves the program, which prints the output shown below it', async () => {
    const { port } = await project.serve(['main.ts'])
    const output = await project.node([PROGRAM], { PORT: String(port) })
    const expected = block(PAGE, PROGRAM, 'text').text.trimEnd().split('\n')
    // The reply and the broadcast have no order.
    expect(output.trimEnd().split('\n').sort()).toEqual(expected.sort())
  })

  it('has all routes of the page, and stops on SIGTERM', async () => {
    const served = await project.serve(['main.ts'])
    const base = `http://localhost:${served.port}`
    const { room, closed } = await joinAs('Ann', served)
    const heard = new Promise((resolve) => room.on('new_msg', resolve))

    const announced = await fetch(`${base}/announce`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ body: 'Tea' }),
    })
    expect(await announced.json()).toEqual({ members: 1 })
    await expect(heard).resolves.toEqual({ from: 'the house', body: 'Tea' })
    expect(await (await fetch(`${base}/asyncapi.json`)).json()).toMatchObject({ info: { title: 'Chat' } })
    expect(await (await fetch(`${base}/metrics`)).text()).toContain('phoenix_connections{')
    const dropped = await fetch(`${base}/users/Ann`, { method: 'DELETE' })
    expect(await dropped.json()).toEqual({ ok: true })
    await closed

    served.stop()
    expect(await served.exited).toEqual([0, null])
  })

  it('writes no token into its log', async () => {
    const served = await project.serve(['main.ts'])
    const { token } = await joinAs('Bob', served)
    const joined = () => served.lines.some((line) => line.includes('channel joined'))
    await expect.poll(joined).toBe(true)
    expect(served.lines.filter((line) => line.includes(token))).toEqual([])
  })

  it('refuses a client without a token', async () => {
    const { port } = await project.serve(['main.ts'])
    const response = await new Promise((resolve) => {
      const ws = new WebSocket(`ws://localhost:${port}/socket/websocket?vsn=2.0.0`)
      ws.on('unexpected-response', (_request, { statusCode }) => resolve(statusCode))
      ws.on('error', () => undefined)
    })
    expect(response).toBe(403)
  })
})

/** Join the lobby of the guide's server by the official client, until the end of the test. */
async function joinAs(name: string, { port }: Served) {
  const token = Token.sign('a secret of at least 20 bytes', 'user socket', name)
  const socket = new Socket(`ws://localhost:${port}/socket`, { authToken: token, transport: WebSocket })
  onTestFinished(() => socket.disconnect())
  const closed = new Promise<void>((resolve) => socket.onClose(() => resolve()))
  socket.connect()
  const room = socket.channel('room:lobby', {})
  await new Promise((resolve, reject) => room.join().receive('ok', resolve).receive('error', reject))
  return { token, room, closed }
}
