import { once } from 'node:events'
import { connect } from 'node:net'
import { limitsOf } from './limits.ts'
import type { Line } from './line.ts'
import { intrude, mustBe, mustHave, type Offence, type Offences } from './offence.ts'

const limits = limitsOf(0)
const HEARTBEAT = '[null,"h","phoenix","heartbeat",{}]'
/**
 * Close codes of a client that floods. The server stops reading when it sends 1008. If unread bytes are left, TCP
 * resets the connection, and the client may see 1006.
 */
const CUT_OFF = [1008, 1006]
const HOLD_MS = 300
/** Milliseconds for which a channel is busy: longer than another client needs to shout. */
const LONG_HOLD_MS = 1_000

/** Create an offence of one client, after which the server must still serve this client. */
function forgiven(commit: (line: Line) => Promise<void>): Offence {
  return async (target) => {
    const line = await intrude(target)
    await commit(line)
    mustBe(await line.lives(), true)
    await line.hangUp()
  }
}

/** Join a topic and send `count` messages without waiting for the replies. Some must be refused as rate-limited. */
async function flood(line: Line, topic: string, count: number): Promise<void> {
  await line.join(topic)
  const refused = line.hears('"rate_limited"')
  for (let n = 0; n < count; n += 1) line.ws.send(`["1","m${n}","${topic}","note",{}]`)
  mustHave(await refused, '"retry_after_ms"')
}

/** Send only four messages, each of which counts as almost a third of `messageBurst`, because of its size. */
async function floodWithBytes(line: Line): Promise<void> {
  await line.join('busy:flood')
  const refused = line.hears('"rate_limited"')
  // With its envelope, a message counts as slightly less than a third, so that one of the four messages is refused.
  const filler = 'x'.repeat((limits.messageBytes * limits.messageBurst) / 3 - limits.messageBytes)
  for (let n = 0; n < 4; n += 1) line.ws.send(`["1","m${n}","busy:flood","note",{"filler":"${filler}"}]`)
  mustHave(await refused, '"retry_after_ms"')
}

/**
 * Make a channel busy, and send it `count` messages meanwhile. It must answer the last message when it is no longer
 * busy.
 */
async function queue(line: Line, count: number, filler: string): Promise<void> {
  await line.join('busy:queue')
  line.ws.send(`["1",null,"busy:queue","hold",{"ms":${HOLD_MS}}]`)
  for (let n = 1; n < count; n += 1) line.ws.send(`["1","m${n}","busy:queue","note",{"filler":"${filler}"}]`)
  mustHave(await line.ask('last', 'busy:queue', 'note'), '"ok"')
}

async function joinOftener(line: Line): Promise<void> {
  const refused = line.hears('"rate_limited"')
  for (let n = 0; n < limits.joinBurst + 10; n += 1) line.ws.send(`["${n}","${n}","idle:same","phx_join",{}]`)
  mustHave(await refused, '"retry_after_ms"')
}

async function joinMore(line: Line): Promise<void> {
  for (let n = 0; n < limits.maxChannels; n += 1) line.ws.send(`["${n}","${n}","idle:${n}","phx_join",{}]`)
  mustHave(await line.join('idle:more'), '"too many channels joined"')
}

async function joinLonger(line: Line): Promise<void> {
  mustHave(await line.join(`idle:${'x'.repeat(limits.maxTopicLength)}`), '"unmatched topic"')
}

/** Join a topic with two clients. One of them shouts while the channel of the other is busy. */
const shoutAtTheBusy: Offence = async (target) => {
  const [busy, loud] = [await intrude(target), await intrude(target)]
  const times = limits.maxQueuedBroadcasts - 10
  await busy.join('busy:shouts')
  await loud.join('busy:shouts')
  // The reply to this heartbeat proves that the server has received `hold`, so the channel is busy.
  busy.ws.send(`["1",null,"busy:shouts","hold",{"ms":${LONG_HOLD_MS}}]`)
  mustBe(await busy.lives(), true)
  // Shout in two halves, because the own channel of the loud client is busy meanwhile too.
  await loud.ask('2', 'busy:shouts', 'shout', { times })
  await loud.ask('3', 'busy:shouts', 'shout', { times })
  mustBe(await busy.ended, 1013)
  mustBe(await loud.lives(), true)
  await loud.hangUp()
}

/**
 * Send more requests in one packet than may be unanswered. The client reads the responses, because otherwise it would
 * not notice the close.
 */
const pipelineMore: Offence = async ({ base }) => {
  const { hostname, port } = new URL(base)
  const client = connect(Number(port), hostname)
    .on('error', () => {})
    .resume()
  client.write('GET /absent HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(1_000))
  await once(client, 'close')
}

/** Legal messages that exceed a limit of one connection. */
export const floods: Offences = {
  'messages too fast': forgiven((line) => flood(line, 'busy:flood', limits.messageBurst + 20)),
  'messages too fast, without end': async (target) => {
    const line = await intrude(target)
    await flood(line, 'busy:flood', limits.messageBurst + limits.maxRefusals + 100)
    mustBe(await line.ended, 1008)
  },
  'heartbeats too fast': async (target) => {
    const line = await intrude(target)
    for (let n = 0; n < limits.heartbeatBurst * 2; n += 1) line.ws.send(HEARTBEAT)
    mustBe(await line.ended, ...CUT_OFF)
  },
  'pings too fast': async (target) => {
    const line = await intrude(target)
    for (let n = 0; n < limits.heartbeatBurst * 2; n += 1) line.ws.ping()
    mustBe(await line.ended, ...CUT_OFF)
  },
  'bytes too fast': forgiven(floodWithBytes),
  'joins too fast': forgiven(joinOftener),
  'too many channels': forgiven(joinMore),
  'a topic too long': forgiven(joinLonger),
  'too many messages for a busy channel': forgiven((line) => queue(line, limits.maxQueuedMessages + 20, '')),
  'too many bytes for a busy channel': forgiven((line) =>
    queue(line, 4, 'x'.repeat(limits.maxQueuedBytes / 2)),
  ),
  'too many requests that nobody waits for': pipelineMore,
  'too many broadcasts for a busy channel': shoutAtTheBusy,
}
