import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import type { Terminal } from '../../../server/cli/command.ts'
import { runCommand } from '../../../server/cli/run-command.ts'
import { until } from '../../helpers/until.ts'

/** A terminal that keeps what is written, and can be told to stop. */
function terminal() {
  const written = { out: '', err: '' }
  let stop = (): void => {}
  const keep = (stream: keyof typeof written) => (text: string) => {
    written[stream] += text
  }
  const given: Terminal = {
    stdout: { write: keep('out') },
    stderr: { write: keep('err') },
    once(_signal, callback) {
      stop = callback
    },
  }
  return { given, written, stop: () => stop() }
}

async function script(text: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'fake-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  await writeFile(join(folder, 'script.mjs'), text)
  return join(folder, 'script.mjs')
}

test('fake runs the script on a server until it is stopped, then prints the transcript', async () => {
  const path = await script(`export default (server) => {
    server.topic('room:*').onJoin((_params, reply) => reply({ ok: { scripted: true } }))
  }`)
  const { given, written, stop } = terminal()
  const code = runCommand(['fake', '--transcript', '--port', '0', path], given)
  await until(() => written.out.includes('\n'))
  const ws = new WebSocket(`${written.out.trim().replace('http', 'ws')}/socket/websocket?vsn=2.0.0`)
  onTestFinished(() => ws.terminate())
  await new Promise((resolve) => ws.once('open', resolve))
  ws.send('["1","1","room:a","phx_join",{}]')
  const heard = await new Promise((resolve) => ws.once('message', (data) => resolve(String(data))))
  expect(heard).toContain('"scripted":true')
  stop()
  expect(await code).toBe(0)
  expect(written.out).toContain('-> [1 1] room:a phx_join {}')
  expect(written.err).toBe('')
})

test('help lists the commands', async () => {
  for (const args of [[], ['--help'], ['fake', '--help'], ['broadcast', '--help']]) {
    const { given, written } = terminal()
    expect(await runCommand(args, given)).toBe(0)
    const names = args[0] === undefined || args[0] === '--help' ? ['fake', 'broadcast'] : [args[0]]
    for (const name of names) expect(written.out).toContain(`fastify-phoenix ${name} [--`)
  }
})

test.each([
  [['fke'], 'Unknown command "fke". Commands: broadcast, fake'],
  [['fake', '--prot', '1'], "Unknown option '--prot'"],
  [['fake', '--port', 'many'], '`port` must be an integer from 0 to 65535'],
  [['fake', 'a.mjs', 'b.mjs'], 'expected at most one script (got a.mjs, b.mjs)'],
  [['fake', 'nowhere.mjs'], 'nowhere.mjs'],
  [['broadcast', 'room:a', 'said'], 'expected TOPIC EVENT PAYLOAD (got room:a said)'],
  [
    ['broadcast', 'room:a', 'said', '{body}'],
    'PAYLOAD must be a JSON object, such as {"body":"hi"} (got {body})',
  ],
  [['broadcast', 'room:a', 'said', '[1]'], 'PAYLOAD must be a JSON object, such as {"body":"hi"} (got [1])'],
  [['broadcast', '--url', 'http://a', 'room:a', 'said', '{}'], '`url` must be a Redis URL'],
])('%j fails with a message', async (args, words) => {
  const { given, written } = terminal()
  expect(await runCommand(args, given)).toBe(1)
  expect(written.err).toContain(words)
})

test('a script without a function is refused', async () => {
  const { given, written } = terminal()
  expect(await runCommand(['fake', await script('export const server = 1')], given)).toBe(1)
  expect(written.err).toContain('script.mjs must have a function as its default export')
})
