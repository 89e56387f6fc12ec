import { once } from 'node:events'
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { turn } from '../helpers/deferred.ts'
import { serveChannel } from '../helpers/serve-channel.ts'
import { until } from '../helpers/until.ts'

const CLIENTS = 1_000
const MESSAGES = 1_000
const SENDERS = 10
/** Messages of each sender that are under way at a time. */
const BURST = 5

/** A member of the room that counts what comes and forgets it. */
class Member {
  readonly ws: WebSocket
  received = 0
  /** Messages that were not the next one of their sender. */
  readonly faults: string[] = []
  /** Two members with equal digests have seen the same messages in the same order. */
  digest = 0
  readonly #next = Array.from({ length: SENDERS }, () => 0)

  constructor(url: string) {
    this.ws = new WebSocket(url, { perMessageDeflate: false })
    this.ws.on('message', (data: Buffer) => this.#count(String(data)))
  }

  #count(frame: string): void {
    const [, from, n] = /^\[null,null,"room:a","said",\{"from":(\d+),"n":(\d+)\}\]$/.exec(frame) ?? []
    if (from === undefined || this.#next[Number(from)] !== Number(n)) this.faults.push(frame)
    this.#next[Number(from)] = Number(n) + 1
    this.digest = (Math.imul(this.digest, 31) + Number(from) * 100_003 + Number(n)) | 0
    this.received += 1
  }
}

test(`${CLIENTS} clients in one room get ${MESSAGES} messages each: none is lost, duplicated or out of order`, async () => {
  const server = await serveChannel({
    handleIn: { say: (payload, socket) => socket.broadcast('said', payload as object) },
  })
  const url = `${server.base.replace('http', 'ws')}/socket/websocket?vsn=2.0.0`
  const members: Member[] = []
  onTestFinished(() => {
    for (const { ws } of members) ws.terminate()
  })
  for (let made = 0; made < CLIENTS; made++) {
    const member = new Member(url)
    members.push(member)
    await once(member.ws, 'open')
    member.ws.send('["1","1","room:a","phx_join",{}]')
    await once(member.ws, 'message')
    member.faults.length = 0
    member.received = 0
    member.digest = 0
  }

  const senders = members.slice(0, SENDERS)
  for (let n = 0; n < MESSAGES / SENDERS; n++) {
    for (const [from, { ws }] of senders.entries()) {
      ws.send(`["1",null,"room:a","say",{"from":${from},"n":${n}}]`)
    }
    const sent = (n + 1 - BURST) * SENDERS
    while (senders.some(({ received }) => received < sent)) await turn()
  }
  await until(() => members.every(({ received }) => received >= MESSAGES), { timeout: 60_000 })

  expect(members.flatMap(({ faults }) => faults)).toEqual([])
  expect(new Set(members.map(({ received }) => received))).toEqual(new Set([MESSAGES]))
  expect(new Set(members.map(({ digest }) => digest)).size).toBe(1)
  expect(server.app.endpoint.localMemberCount('room:a')).toBe(CLIENTS)
}, 120_000)
