import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { bundle, OwnProcess } from '../helpers/own-process.ts'

const CLIENTS = 50
const TIMEOUT = 1_000

test('a process that was stopped for longer than the idle timeout keeps its clients (CLOSE-1)', async () => {
  const scripts = await bundle({ server: 'test/integration/stall-server.ts' })
  onTestFinished(() => scripts.remove())
  const server = new OwnProcess(`${scripts.folder}/server.js`, { TIMEOUT: String(TIMEOUT) })
  const url = (await server.line(/http:.*/)).replace('http', 'ws')
  const closed: number[] = []
  const clients = Array.from({ length: CLIENTS }, () => new WebSocket(`${url}/socket/websocket?vsn=2.0.0`))
  for (const client of clients) {
    onTestFinished(() => client.terminate())
    client.on('close', (code) => closed.push(code))
  }
  await Promise.all(clients.map((client) => once(client, 'open')))
  const beat = (ref: string) =>
    Promise.all(
      clients.map(async (client) => {
        const reply = Promise.race([once(client, 'message'), once(client, 'close')])
        client.send(`[null,"${ref}","phoenix","heartbeat",{}]`)
        expect(String((await reply)[0])).toContain(`"${ref}"`)
      }),
    )

  process.kill(server.child.pid ?? 0, 'SIGSTOP')
  const beating = beat('1')
  await delay(2 * TIMEOUT)
  process.kill(server.child.pid ?? 0, 'SIGCONT')
  await beating
  await beat('2')

  expect(closed).toEqual([])
})
