import { once } from 'node:events'
import { connect } from 'node:net'
import { limitsOf } from './limits.ts'
import type { Line } from './line.ts'
import { intrude, mustBe, mustHave, type Offence, type Offences } from './offence.ts'

const limits = limitsOf(0)
const HEARTBEAT = '[null,"h","phoenix","heartbeat",{}]'
/** Nothing is read after a 1008; if bytes are left unread, TCP resets the connection and the code may be lost. */
const CUT_OFF = [1008, 1006]
const HOLD_MS = 300
/** Longer than another one needs to shout. */
const LONG_HOLD_MS = 1_000

/** One client does this, and is still served after. */
function forgiven(commit: (line: Line) => Promise<void>): Offence {
  return async (target) => {
    const line = await intrude(target)
    await commit(line)
    mustBe(await line.lives(), true)
    await line.hangUp()
  }
}

/** One client has joined this topic, and sends so many messages without waiting for answers. */
async function flood(line: Line, topic: string, count: number): Promise<void> {
  await line.join(topic)
  const refused = line.hears('"rate_limited"')
  for (let n = 0; n < count; n += 1) line.ws.send(`["1","m${n}","${topic}","note",{}]`)
  mustHave(await refused, '"retry_after_ms"')
}

/** Fewer messages than one may send at once, each of which counts as a third of them. */
async function floodWithBytes(line: Line): Promise<void> {
  await line.join('busy:flood')
  const refused = line.hears('"rate_limited"')
  // With its envelope a message is just below a third, so that one of the four is refused.
  const filler = 'x'.repeat((limits.messageBytes * limits.messageBurst) / 3 - limits.messageBytes)
  for (let n = 0; n < 4; n += 1) line.ws.send(`["1","m${n}","busy:flood","note",{"filler":"${filler}"}]`)
  mustHave(await refused, '"retry_after_ms"')
}

/** A busy channel has this sent to it meanwhile; the last one is answered when it is busy no longer. */
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

/** Two have joined one topic; one of them is busy while the other shouts. */
const shoutAtTheBusy: Offence = async (target) => {
  const [busy, loud] = [await intrude(target), await intrude(target)]
  const times = limits.maxQueuedBroadcasts - 10
  await busy.join('busy:shouts')
  await loud.join('busy:shouts')
  // Until the other hears of it, no message is on its way: the channel is busy then.
  busy.ws.send(`["1",null,"busy:shouts","hold",{"ms":${LONG_HOLD_MS}}]`)
  mustBe(await busy.lives(), true)
  // By halves, because who shouts is busy meanwhile, too.
  await loud.ask('2', 'busy:shouts', 'shout', { times })
  await loud.ask('3', 'busy:shouts', 'shout', { times })
  mustBe(await busy.ended, 1013)
  mustBe(await loud.lives(), true)
  await loud.hangUp()
}

/** More requests than may be unanswered, in one packet. A client that reads nothing would not notice the end. */
const pipelineMore: Offence = async ({ base }) => {
  const { hostname, port } = new URL(base)
  const client = connect(Number(port), hostname)
    .on('error', () => {})
    .resume()
  client.write('GET /absent HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(1_000))
  await once(client, 'close')
}

/** Too much of what is legal, from one connection. */
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
