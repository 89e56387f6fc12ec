import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { upgradeHeaders } from '../helpers/raw-http.ts'
import { WINDOW_MS } from './limits.ts'
import { Line, type LineOptions } from './line.ts'
import { mustBe, mustHave, type Target } from './offence.ts'
import { PollLine } from './poll-line.ts'

/** Number of addresses of the guests, because a single address may not connect so often. */
const ADDRESSES = 50
/**
 * Maximum number of guests at a time. On a slow machine, guests come more slowly instead of reaching the limits of the
 * server.
 */
const MOST_AT_ONCE = 200
const TICK_MS = 10

/** Client that comes and goes, and the room that it joins. */
type Guest = { readonly room: string; readonly id: string; readonly options: LineOptions }
/** Way in which a guest comes and goes. Resolves with the outcome, for people. */
type Way = (guest: Guest) => Promise<string>

/**
 * Create a way: connect, and pass the open line to `go`. The server may also refuse the connection with 503, if it has
 * no room.
 */
function online(go: (line: Line, guest: Guest) => Promise<string>): Way {
  return async (guest) => {
    const line = await Line.open(guest.options)
    if (line.isOpen) return go(line, guest)
    mustBe(await line.ended, 503)
    return 'refused'
  }
}

/**
 * Create a way: connect, join, and pass the joined line to `go`. The join may also be refused because the server is
 * overloaded by the joins of others.
 */
function joined(go: (line: Line, guest: Guest) => Promise<void>): Way {
  return online(async (line, guest) => {
    const reply = await line.join(guest.room, { id: guest.id })
    const isJoined = reply?.includes('"ok"') ?? false
    if (!isJoined) mustHave(reply, '"overloaded"')
    await (isJoined ? go(line, guest) : line.hangUp())
    return isJoined ? 'joined' : 'overloaded'
  })
}

/** Create a way: send a handshake (incomplete unless `isWhole`), and disconnect without reading the response. */
function hangUp(isWhole: boolean): Way {
  return async ({ options: { base, from } }) => {
    const socket = connect(Number(new URL(base).port), '127.0.0.1')
    await once(socket, 'connect')
    const headers = Object.entries({ host: '127.0.0.1', 'x-forwarded-for': from, ...upgradeHeaders })
    const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')
    const request = `GET /socket/websocket?vsn=2.0.0 HTTP/1.1\r\n${lines}\r\n`
    const isWritten = once(socket, 'close')
    socket.write(isWhole ? request : request.slice(0, -20), () => socket.destroy())
    await isWritten
    return 'hung up'
  }
}

/** Create a way: join over long-poll, leave the room if `isLeaving`, and stop polling. */
function poll(isLeaving: boolean): Way {
  return async ({ room, id, options }) => {
    const line = new PollLine(options)
    const since = performance.now()
    const opened = await line.open()
    mustBe(opened, 410, 503)
    if (opened === 503) return 'refused'
    const join = JSON.stringify(['1', '1', room, 'phx_join', { id }])
    const leave = JSON.stringify(['1', '2', room, 'phx_leave', {}])
    const asks = [() => line.post(join), async () => (await line.poll()).status]
    if (isLeaving) asks.push(() => line.post(leave))
    for (const ask of asks) {
      const status = await ask()
      // On a busy machine a client may be so slow that its session has ended.
      if (status === 410 && performance.now() - since > 1.5 * WINDOW_MS) return 'late'
      mustBe(status, 200)
    }
    return 'polled'
  }
}

const leave = joined(async (line, { room }) => {
  mustHave(await line.ask('2', room, 'phx_leave'), '"ok"')
  line.ws.close(1000)
  mustBe(await line.ended, 1000)
})
const close = joined(async (line) => {
  line.ws.close()
  mustBe(await line.ended, 1005)
})
const vanish = joined((line) => line.hangUp())
const joinAgain = joined(async (line, { room, id }) => {
  line.ws.send(JSON.stringify(['2', '2', room, 'phx_join', { id }]))
  await line.hangUp()
})
const joinAndVanish = online(async (line, { room, id }) => {
  line.ws.send(JSON.stringify(['1', '1', room, 'phx_join', { id }]), () => line.ws.terminate())
  await line.ended
  return 'vanished'
})
const doNothing = online(async (line) => {
  line.ws.close(1000)
  await line.ended
  return 'did nothing'
})

const ways: readonly Way[] = [
  ...[leave, vanish, close, joinAgain, joinAndVanish, doNothing, hangUp(false), hangUp(true)],
  ...[leave, vanish, close, poll(true)],
  ...[leave, vanish, close, poll(false)],
]

/** Number of guests, and how many of them come per second. */
export type Churn = { readonly guests: number; readonly perSecond: number }

/**
 * Let guests come and go. Resolves with the number of guests by outcome when all have gone. `attempt` waits for one
 * guest and resolves with its outcome.
 */
export async function churn(
  target: Target,
  { guests, perSecond }: Churn,
  attempt: (name: string, work: Promise<string>) => Promise<string>,
): Promise<Record<string, number>> {
  const counts: Record<string, number> = {}
  const here = new Set<Promise<void>>()
  const begun = performance.now()
  for (let n = 0; n < guests; ) {
    const due = ((performance.now() - begun) / 1_000) * perSecond
    for (; n < Math.min(due, guests) && here.size < MOST_AT_ONCE; n += 1) {
      const going = attempt('one who comes and goes', visit(target, n)).then((how) => {
        counts[how] = (counts[how] ?? 0) + 1
        here.delete(going)
      })
      here.add(going)
    }
    await delay(TICK_MS)
  }
  await Promise.all(here)
  return counts
}

function visit({ base, rooms }: Target, n: number): Promise<string> {
  const options = { base, from: `10.2.0.${n % ADDRESSES}` }
  // Let a fifth of the guests join the rooms of steady clients. The others join rooms for guests only.
  const room = n % 5 === 0 ? `room:${n % rooms}` : `room:guests ${n % 7}`
  const guest: Guest = { room, id: `guest ${n}`, options }
  return (ways[n % ways.length] ?? leave)(guest)
}
