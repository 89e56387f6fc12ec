import { setTimeout as delay } from 'node:timers/promises'
import { MAX_WAITING_POSTS } from './limits.ts'
import { intrude, mustBe, mustHave, type Offence, type Offences, offender, type Target } from './offence.ts'
import { PollLine } from './poll-line.ts'

const AT_ONCE = 3
/** Milliseconds without reading after which the server cuts off a client. */
const LONG_MS = 1_500
/**
 * Close codes of a client that does not read. Which one it sees depends on the buffers of the kernel and the load of
 * the machine.
 */
const TOLD_OR_CUT_OFF = [1013, 1006]

/** Broadcast more to all others on a topic than they read. */
async function roar(target: Target, topic: string): Promise<void> {
  const line = await intrude(target)
  await line.join(topic)
  mustHave(await line.ask('2', topic, 'roar'), '"ok"')
  await line.hangUp()
}

/** Create an offence: clients stop reading for `forMs` milliseconds while others send. */
function stopReading(forMs: number): Offence {
  return async (target) => {
    const lines = await Promise.all(Array.from({ length: AT_ONCE }, (_, n) => intrude(target, n)))
    await Promise.all(lines.map((line) => line.join('loud:slow')))
    for (const { ws } of lines) ws.pause()
    await roar(target, 'loud:slow')
    await delay(forMs)
    for (const { ws } of lines) ws.resume()
    for (const { ended } of lines) mustBe(await ended, ...TOLD_OR_CUT_OFF)
  }
}

const stopPolling: Offence = async (target) => {
  const line = new PollLine(offender(target))
  mustBe(await line.open(), 410)
  mustBe(await line.post('["1","1","loud:polled","phx_join",{}]'), 200)
  await roar(target, 'loud:polled')
  mustBe(await line.post('[null,"2","phoenix","heartbeat",{}]'), 410)
}

/**
 * Send bodies that never end. The server times out the first body and those that wait for it, and refuses the others at
 * once.
 */
const endNoBody: Offence = async (target) => {
  const line = new PollLine(offender(target))
  mustBe(await line.open(), 410)
  let isDone = false
  const polling = async () => {
    while (!isDone) await line.poll()
  }
  const polled = polling()
  const statuses = await Promise.all(Array.from({ length: MAX_WAITING_POSTS + 3 }, () => line.stall()))
  isDone = true
  mustBe(await line.post('[null,"2","phoenix","heartbeat",{}]'), 200)
  await polled
  mustBe(statuses.sort().join(), '408,408,408,429,429')
}

/** Clients that do not read what the server sends, or do not send the body that they announce. */
export const slow: Offences = {
  'readers that pause': stopReading(0),
  'readers that stop': stopReading(LONG_MS),
  'a client that does not poll': stopPolling,
  'bodies that do not end': endNoBody,
}
