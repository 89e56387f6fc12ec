import { expect, onTestFinished, test } from 'vitest'
import { defineSocket, defineUntypedChannel } from '../../../server/index.ts'
import { testEndpoint } from '../../../server/testing/index.ts'

const channel = defineUntypedChannel('room:*', {
  join: () => ({ ok: {} }),
  handleIn: {
    say: (payload, socket) => socket.push('said', Object(payload)),
    boom() {
      throw new Error('it broke')
    },
  },
})

async function join() {
  const socket = defineSocket({ connect: () => ({ ok: {} }) }).channel(channel)
  const { endpoint, close } = await testEndpoint({ sockets: { '/socket': socket }, timeout: 20 })
  onTestFinished(close)
  return (await endpoint.connect('/socket')).subscribeAndJoin('room:a')
}

/** The message of a failure, and the file that its stack begins in. */
async function failure(promise: Promise<unknown>): Promise<string[]> {
  const error = await promise.then(
    () => new Error('did not fail'),
    (reason: Error) => reason,
  )
  const [, file = ''] = /\n +at (?:.*[/\\](.*?):)/.exec(error.stack ?? '') ?? []
  return [...error.message.split('\n'), file]
}

test('if a push does not arrive, the error shows the expectation, the received frames and the differences', async () => {
  const room = await join()
  room.push('say', { body: 'ho', tags: ['a'] })
  await room.pushed('said', { tags: ['a'] })
  room.push('say', { body: 'hum' })
  room.push('say', { body: 'hi', tags: ['b', 'c'] })
  const expected = { body: 'hi', tags: ['b', expect.any(Number)] }
  expect(await failure(room.pushed('said', expected))).toEqual([
    `no push to room:a that matches "said" { body: 'hi', tags: [ 'b', Any<Number> ] } came within 20 ms`,
    'what came, in order:',
    `  1. "said" { body: 'ho', tags: [ 'a' ] }   (already matched by an earlier call)`,
    `  2. "said" { body: 'hum' }`,
    `       body: expected 'hi', got 'hum'`,
    `  3. "said" { body: 'hi', tags: [ 'b', 'c' ] }`,
    `       tags[1]: expected Any<Number>, got 'c'`,
    'failures.test.ts',
  ])
})

test('if a callback crashed, the error of a missing push shows the crash', async () => {
  const room = await join()
  const ref = room.push('boom', {})
  expect(await failure(ref.reply())).toEqual([
    'no reply to "boom" on room:a came within 20 ms',
    'nothing came',
    'errors that callbacks threw:',
    '  room:*: handleIn.boom failed: it broke',
    'failures.test.ts',
  ])
})

test('the error of a reply that does not match shows the expectation and the reply', async () => {
  const room = await join()
  room.push('say', { body: 'hi' })
  const leave = await failure(room.push('phx_leave', {}).reply('error'))
  expect(leave).toEqual([
    `no reply to "phx_leave" on room:a matched { status: 'error' } within 20 ms`,
    'what came, in order:',
    `  1. reply: { response: {}, status: 'ok' }`,
    `       status: expected 'error', got 'ok'`,
    'failures.test.ts',
  ])
  expect(await failure(room.pushed('gone'))).toEqual([
    'no push to room:a that matches "gone" came within 20 ms',
    'what came, in order:',
    `  1. "said" { body: 'hi' }`,
    '  2. "phx_close" {}',
    `  3. the channel ended: 'phx_close'`,
    'failures.test.ts',
  ])
})

test('the error of a missing end names the topic or the connection', async () => {
  const socket = defineSocket({ connect: () => ({ ok: {} }) }).channel(channel)
  const { endpoint, close } = await testEndpoint({ sockets: { '/socket': socket }, timeout: 20 })
  onTestFinished(close)
  const client = await endpoint.connect('/socket')
  const room = await client.subscribeAndJoin('room:a')
  const file = 'failures.test.ts'
  expect(await failure(room.ended())).toEqual(['room:a did not end within 20 ms', file])
  expect(await failure(client.closed())).toEqual([
    'the server did not close the connection within 20 ms',
    file,
  ])
})

test('the error of a second wait for an end does not deny the first end', async () => {
  const room = await join()
  await room.leave()
  await room.ended()
  expect(await failure(room.ended())).toEqual([
    'room:a did not end a second time within 20 ms',
    'what came, in order:',
    '  1. "phx_close" {}',
    `  2. the channel ended: 'phx_close'   (already matched by an earlier call)`,
    'failures.test.ts',
  ])
})

test('an unexpected push is shown in the error', async () => {
  const room = await join()
  room.push('say', { body: 'hi' })
  expect(await failure(room.refutePushed('said'))).toEqual([
    'unexpected push to room:a: "said"',
    'what came, in order:',
    `  1. "said" { body: 'hi' }   <- this one`,
    'failures.test.ts',
  ])
})

test('an unexpected reply is shown in the error', async () => {
  const room = await join()
  expect(await failure(room.push('phx_leave', {}).refuteReply())).toEqual([
    'unexpected reply to "phx_leave" on room:a',
    'what came, in order:',
    `  1. reply: { response: {}, status: 'ok' }   <- this one`,
    'failures.test.ts',
  ])
})

test('the error of a refusal has the reason, and the test in its stack', async () => {
  const socket = defineSocket({ connect: () => ({ error: 'no' }) })
  const { endpoint, close } = await testEndpoint({ sockets: { '/socket': socket } })
  onTestFinished(close)
  expect(await failure(endpoint.connect('/socket'))).toEqual([
    "the connection to /socket was refused (cause: connect): 'no'",
    'failures.test.ts',
  ])
})
