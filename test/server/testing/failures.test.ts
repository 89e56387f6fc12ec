import { expect, onTestFinished, test } from 'vitest'
import { defineSocket, defineUntypedChannel } from '../../../server/index.ts'
import { testEndpoint } from '../../../server/testing/index.ts'

const channel = defineUntypedChannel('room:*', {
  join: () => ({ ok: {} }),
  handleIn: {
    shout: (payload, socket) => {
      socket.broadcast('said', Object(payload))
      return { error: { reason: 'too loud' } }
    },
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
    'what came, in order:',
    `  1. "phx_error" { reason: 'channel_crash' }`,
    `  2. the channel ended: 'phx_error'`,
    'errors that callbacks threw:',
    '  room:*: handleIn.boom failed: it broke',
    'failures.test.ts',
  ])
})

test('the error of a missing push shows the replies, in order with the pushes', async () => {
  const room = await join()
  room.push('say', { body: 'hi' })
  const ref = room.push('shout', { body: 'ho' })
  room.push('whisper', {})
  await ref.reply('error')
  expect(await failure(room.pushed('gone'))).toEqual([
    'no push to room:a that matches "gone" came within 20 ms',
    'what came, in order:',
    `  1. "said" { body: 'hi' }`,
    `  2. "said" { body: 'ho' }`,
    `  3. reply to "shout": { response: { reason: 'too loud' }, status: 'error' }   (already matched by an earlier call)`,
    `  4. reply to "whisper": { response: { reason: 'unmatched event' }, status: 'error' }`,
    'failures.test.ts',
  ])
})

test('the error of a missing broadcast shows the broadcasts and the frames', async () => {
  const room = await join()
  await room.push('shout', { body: 'ho' }).reply('error')
  const [head, , ...lines] = await failure(room.broadcasted('said', { body: 'hi' }))
  expect(head).toBe(`no broadcast on room:a that matches "said" { body: 'hi' } came within 20 ms`)
  expect(lines.join('\n')).toContain(
    `broadcast "said" { body: 'ho' }\n       body: expected 'hi', got 'ho'\n`,
  )
  expect(lines.join('\n')).toContain('reply to "shout": ')
})

test('the error of a reply that does not match shows the expectation and the reply', async () => {
  const room = await join()
  room.push('say', { body: 'hi' })
  const leave = await failure(room.push('phx_leave', {}).reply('error'))
  expect(leave).toEqual([
    `no reply to "phx_leave" on room:a matched { status: 'error' } within 20 ms`,
    'what came, in order:',
    `  1. "said" { body: 'hi' }`,
    `  2. reply to "phx_leave": { response: {}, status: 'ok' }`,
    `       status: expected 'error', got 'ok'`,
    '  3. "phx_close" {}',
    `  4. the channel ended: 'phx_close'`,
    'failures.test.ts',
  ])
  expect(await failure(room.pushed('gone'))).toEqual([
    'no push to room:a that matches "gone" came within 20 ms',
    'what came, in order:',
    `  1. "said" { body: 'hi' }`,
    `  2. reply to "phx_leave": { response: {}, status: 'ok' }`,
    '  3. "phx_close" {}',
    `  4. the channel ended: 'phx_close'`,
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
    `  1. reply to "phx_leave": { response: {}, status: 'ok' }   (already matched by an earlier call)`,
    '  2. "phx_close" {}',
    `  3. the channel ended: 'phx_close'   (already matched by an earlier call)`,
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
    `  1. reply to "phx_leave": { response: {}, status: 'ok' }   <- this one`,
    '  2. "phx_close" {}',
    `  3. the channel ended: 'phx_close'`,
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

test('the error of a refusal names the error that a callback threw, and has it as its cause', async () => {
  const broken = new Error('no database')
  const throws = (): never => {
    throw broken
  }
  const join = ({ name }: { name?: string }) =>
    name === 'Bug' ? throws() : { error: { reason: 'unwanted' } }
  const socket = defineSocket({
    connect: ({ user }: { user?: string }) => (user === 'Bug' ? throws() : { ok: {} }),
  }).channel(defineUntypedChannel('room:*', { join: join as never }))
  const { endpoint, close } = await testEndpoint({ sockets: { '/socket': socket } })
  onTestFinished(close)
  const refused = endpoint.connect('/socket', { user: 'Bug' })
  await expect(refused).rejects.toMatchObject({ name: 'Refused', cause: broken })
  expect(await failure(refused)).toEqual([
    "the connection to /socket was refused (cause: crash): 'connect crashed', because a callback threw: no database",
    'failures.test.ts',
  ])

  const client = await endpoint.connect('/socket')
  const crashed = client.subscribeAndJoin('room:a', { name: 'Bug' })
  await expect(crashed).rejects.toMatchObject({ name: 'JoinRefused', cause: broken })
  expect(await failure(crashed)).toEqual([
    `the join of room:a was answered "error": { reason: 'join crashed' }, because a callback threw: no database`,
    'failures.test.ts',
  ])
  const unwanted = client.subscribeAndJoin('room:a')
  expect((await failure(unwanted))[0]).toBe(`the join of room:a was answered "error": { reason: 'unwanted' }`)
  await expect(unwanted).rejects.not.toHaveProperty('cause')
})
