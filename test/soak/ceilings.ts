import { upgrade } from '../helpers/raw-http.ts'
import { limitsOf } from './limits.ts'
import { Line } from './line.ts'
import { intrude, mustBe, mustHave, type Offence, type Offences, offender, type Target } from './offence.ts'
import { PollLine } from './poll-line.ts'

// Limits that remain for the other clients when all steady clients are connected.
const limits = limitsOf(0)
const JOINS = 40

/** Connect `count` clients, run `act` for each, and disconnect when all are done. Resolves with the results. */
async function together<T>(target: Target, count: number, act: (line: Line, n: number) => Promise<T>) {
  const lines = await Promise.all(Array.from({ length: count }, (_, n) => intrude(target, n)))
  const results = await Promise.all(lines.map(act))
  await Promise.all(lines.map((line) => line.hangUp()))
  return results.flat()
}

/** Join many topics at once. Resolves with the replies. */
async function joinMany(line: Line, n: number, topic: string): Promise<string[]> {
  const replies = Array.from({ length: JOINS }, (_, m) => line.ask(`j${m}`, `${topic}:${n}-${m}`, 'phx_join'))
  return (await Promise.all(replies)).map(String)
}

/** Join more channels than `maxTotalChannels`. */
const tooManyChannels: Offence = async (target) => {
  const count = Math.ceil(limits.maxTotalChannels / JOINS) + 2
  const replies = await together(target, count, (line, n) => joinMany(line, n, 'idle'))
  mustHave(replies.find((reply) => reply.includes('"error"')) ?? null, '"overloaded"')
}

/**
 * Send more joins than the server can do in time. It refuses joins at once when too many wait, and later when a join
 * has waited too long.
 */
const tooMuchToJoin: Offence = async (target) => {
  const count = Math.ceil(limits.maxWaitingJoins / JOINS) + 4
  const replies = await together(target, count, (line, n) => joinMany(line, n, 'heavy'))
  const overloaded = replies.filter((reply) => reply.includes('"overloaded"')).length
  const joined = replies.filter((reply) => reply.includes('"ok"')).length
  mustBe(joined + overloaded, count * JOINS)
  if (Math.min(joined, overloaded) === 0) throw new Error(`${joined} joined, ${overloaded} refused`)
}

/** Open more connections than `maxConnections`. */
const tooManyConnections: Offence = async (target) => {
  const more = limits.maxConnections + 100
  const lines = await Promise.all(Array.from({ length: more }, (_, n) => Line.open(offender(target, n))))
  const refused = lines.filter((line) => !line.isOpen)
  const statuses = new Set(await Promise.all(refused.map(({ ended }) => ended)))
  await Promise.all(lines.map((line) => line.hangUp()))
  mustBe([...statuses].join(), '503')
}

/** Connect from one address more often than `connectionBurst` allows. */
const tooManyOfOneAddress: Offence = async ({ base }) => {
  // Connect three times as often, because on a busy machine the rate refills a part of the burst meanwhile.
  const count = 3 * limits.connectionBurst
  const asked = Array.from({ length: count }, () =>
    upgrade(`${base}/socket/websocket?vsn=2.0.0`, { 'x-forwarded-for': '10.4.0.1' }),
  )
  const statuses = new Set((await Promise.all(asked)).map(({ status }) => status))
  mustBe([...statuses].sort().join(), '101,429')
}

/** Open more connections from one address than `maxConnectionsPerAddress`. */
const tooManyAtOneAddress: Offence = async ({ base }) => {
  const options = { base, from: '10.5.0.1' }
  const count = limits.maxConnectionsPerAddress + 10
  const lines = await Promise.all(Array.from({ length: count }, () => Line.open(options)))
  const refused = lines.filter((line) => !line.isOpen)
  const statuses = new Set(await Promise.all(refused.map(({ ended }) => ended)))
  await Promise.all(lines.map((line) => line.hangUp()))
  mustBe([...statuses].join(), '429')
}

/** Join more channels from one address than `maxChannelsPerAddress`. */
const tooManyChannelsOfOneAddress: Offence = async ({ base }) => {
  const count = Math.ceil(limits.maxChannelsPerAddress / JOINS) + 2
  const lines = await Promise.all(Array.from({ length: count }, () => Line.open({ base, from: '10.6.0.1' })))
  const replies = (await Promise.all(lines.map((line, n) => joinMany(line, n, 'idle')))).flat()
  await Promise.all(lines.map((line) => line.hangUp()))
  mustHave(replies.find((reply) => reply.includes('"error"')) ?? null, '"overloaded"')
}

/** Create an offence: a handshake that must be refused with this status. */
function refused(status: number, query: string, headers: Record<string, string> = {}): Offence {
  return async ({ base }) => {
    const answer = await upgrade(`${base}/socket/websocket?${query}`, {
      'x-forwarded-for': '10.4.0.2',
      ...headers,
    })
    mustBe(answer.status, status)
  }
}

/** Connections that must be refused, and crowds that exceed a limit of the whole server or of an address. */
export const ceilings: Offences = {
  'a page of another origin': refused(403, 'vsn=2.0.0', { origin: 'http://elsewhere.example' }),
  'an unknown version': refused(403, 'vsn=9.0.0'),
  'params that connect refuses': refused(403, 'vsn=2.0.0&refuse=1'),
  'params that connect crashes at': refused(500, 'vsn=2.0.0&crash=1'),
  'a poll that connect refuses': async (target) => {
    mustBe(await new PollLine(offender(target, 0, '&refuse=1')).open(), 403)
  },
  'too many channels in all': tooManyChannels,
  'too many channels of one address': tooManyChannelsOfOneAddress,
  'too much to join': tooMuchToJoin,
  'too many connections': tooManyConnections,
  'too many connections of one address': tooManyOfOneAddress,
  'too many connections at one address': tooManyAtOneAddress,
}
