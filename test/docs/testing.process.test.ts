import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { InstalledProject } from '../helpers/installed-package.ts'
import { block } from '../helpers/markdown.ts'
import { PageProject } from '../helpers/page-project.ts'

const PAGE = 'docs/testing.md'

describe('the page', () => {
  let project: PageProject
  beforeAll(async () => {
    project = await PageProject.create(PAGE)
  }, 300_000)
  afterAll(() => project?.remove())

  test('compiles', () => project.check())

  test('passes its own tests, in processes that end by themselves', async () => {
    const files = [...project.files.keys()].filter((name) => name.endsWith('.test.ts'))
    const output = await project.node(['--test', ...files])
    expect(output).toMatch(/^(?:#|ℹ) fail 0$/m)
    const titles = Array.from(
      project.files.values(),
      (text) => text.match(/(?<=^test\(').*(?=',)/gm) ?? [],
    ).flat()
    expect(titles).toHaveLength(9)
    for (const title of titles) expect(output).toContain(title)
  })

  test('runs the command with the script', async () => {
    await project.installed.write('script.mjs', block(PAGE, 'script.mjs').text)
    const command = ['node_modules/.bin/fastify-phoenix', 'fake', '--port', '0', '--transcript', 'script.mjs']
    const server = await project.serve(command)
    const ws = new WebSocket(`ws://127.0.0.1:${server.port}/socket/websocket?vsn=2.0.0`)
    await once(ws, 'open')
    ws.send('["1","1","control","phx_join",{}]')
    await once(ws, 'message')
    ws.send('["1","2","control","drop",{}]')
    await once(ws, 'close')
    server.stop()
    expect(await server.exited).toEqual([0, null])
    expect(server.lines.join('\n')).toContain('-> [1 2] control drop {}')
  })
})

/** One file for every framework: it takes the global `test`, or that of Node. */
const EXAMPLE = `
import assert from 'node:assert/strict'
import { defineContract, defineChannel, defineSocket, defineWorker } from 'fastify-phoenix'
import { fakeServer, startWorker, testEndpoint } from 'fastify-phoenix/testing'
import { Type } from 'typebox'

const test = globalThis.test ?? (await import('node:test')).test

const Room = defineContract({
  topic: 'room:*',
  incoming: { say: { payload: Type.Object({ body: Type.String() }), reply: Type.Object({}) }, quiet: { payload: Type.Object({}) } },
  outgoing: { said: Type.Object({ body: Type.String() }) },
})
const channel = defineChannel(Room, {
  join: () => ({ ok: {} }),
  handleIn: {
    say(payload, socket) {
      socket.broadcast('said', payload)
      return { ok: {} }
    },
    quiet() {},
  },
})
const UserSocket = defineSocket({ connect: () => ({ ok: {} }) }).channel(channel)

const cpuMs = (since) => {
  const { user, system } = process.cpuUsage(since)
  return (user + system) / 1_000
}

test('a channel', async () => {
  const costs = []
  for (let round = 0; round < 5; round += 1) {
    const before = process.cpuUsage()
    const { endpoint, close } = await testEndpoint({ sockets: { '/socket': UserSocket } })
    const room = await (await endpoint.connect('/socket')).subscribeAndJoin(Room, 'room:a')
    await room.push('say', { body: 'hi' }).reply('ok')
    await room.pushed('said', { body: 'hi' })
    room.push('quiet', {})
    await room.refutePushed('said')
    await close()
    costs.push(cpuMs(before))
  }
  console.log('channel test: ' + Math.min(...costs).toFixed(1) + ' ms of ' + costs.map((ms) => ms.toFixed(1)).join(', '))
})

test('a failure has words', async () => {
  const { endpoint, close } = await testEndpoint({ sockets: { '/socket': UserSocket }, timeout: 20 })
  const room = await (await endpoint.connect('/socket')).subscribeAndJoin(Room, 'room:a')
  await assert.rejects(room.pushed('said'), /no push to room:a that matches "said" came within 20 ms\\nnothing came/)
  await close()
})

test('a worker', async () => {
  const worker = await startWorker(defineWorker({ name: 'w', init: () => ({ n: 0 }), handleInfo: { add: (_, s) => void (s.n += 1) } }), {})
  worker.send('add')
  await worker.handled()
  assert.deepEqual(worker.state, { n: 1 })
  await worker.stop()
})

test('a fake server', async () => {
  const server = await fakeServer()
  assert.equal((await fetch(server.url + '/nowhere')).status, 404)
  await server.close()
})

// Left open: nothing of it keeps the process alive.
test('an endpoint that is not closed', async () => {
  const { endpoint } = await testEndpoint({ sockets: { '/socket': UserSocket } })
  const room = await (await endpoint.connect('/socket')).subscribeAndJoin(Room, 'room:a')
  room.push('quiet', {})
})
`

describe('the same file passes, and its process ends, under', () => {
  let project: InstalledProject
  beforeAll(async () => {
    project = await InstalledProject.create(['fastify-phoenix', 'fastify', 'typebox', 'vitest', 'jest@30'])
    await project.write('example.test.mjs', EXAMPLE)
  }, 300_000)
  afterAll(() => project?.remove())

  test.each([
    ['node --test', 'node --test example.test.mjs', /^(?:#|ℹ) pass 5$/m],
    ['vitest 4', 'npx vitest run --globals', /Tests .*5 passed/],
    [
      'jest',
      "NODE_OPTIONS=--experimental-vm-modules npx jest --testMatch '**/*.test.mjs'",
      /^Tests: +5 passed, 5 total$/m,
    ],
  ])('%s', async (_name, command, passed) => {
    const output = await project.run('sh', ['-c', `${command} 2>&1`], { NO_COLOR: '1', FORCE_COLOR: '0' })
    expect(output).toMatch(passed)
    expect(output).not.toContain('did not exit')
    // CPU time, because other tests run beside this one; from the start of the endpoint to its end.
    expect(Number(/channel test: ([\d.]+) ms/.exec(output)?.[1])).toBeLessThanOrEqual(50)
  })
})
