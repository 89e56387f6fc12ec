import fc from 'fast-check'
import { type Attack, attack } from '../helpers/attacks.ts'
import { request, upgrade } from '../helpers/raw-http.ts'
import { intrude, mustBe, type Offence, type Offences, type Target } from './offence.ts'

const ATTACKS = 60

type Message = Extract<Attack, { by: 'message' }>

/** Connect, join and send a message. The server must continue to serve the client, or close with an expected code. */
async function send(target: Target, { vsn, data }: Message, n: number): Promise<void> {
  const line = await intrude(target, n, vsn === 1 ? '&vsn=1.0.0' : '')
  if (vsn === 2) await line.join('room:a', { id: 'hostile' })
  line.ws.send(data)
  if (await line.lives(vsn)) return line.hangUp()
  mustBe(await line.ended, 1007, 1009, 1011)
}

/** Send bytes, and end the connection, so that the server does not wait for the rest of an unfinished message. */
async function sendBytes(target: Target, data: Uint8Array): Promise<void> {
  const line = await intrude(target)
  line.tcp?.end(data)
  await line.ended
}

async function poll({ base }: Target, { query, type, body }: Extract<Attack, { by: 'poll' }>): Promise<void> {
  const url = `${base}/socket/longpoll?`
  const { token } = JSON.parse((await request(`${url}vsn=2.0.0`)).body)
  const post = { method: 'POST', headers: { 'content-type': type }, body: body ?? '' }
  const asked = query === 'token' ? `vsn=2.0.0&token=${token}` : query
  const { status } = await request(url + asked, body === null ? {} : post)
  mustBe(status, 200, 400, 500)
}

const attackAtRandom: Offence = async (target) => {
  const commit = async (given: Attack, n: number): Promise<void> => {
    if (given.by === 'message') return send(target, given, n)
    if (given.by === 'bytes') return sendBytes(target, given.data)
    if (given.by === 'poll') return poll(target, given)
    const { status } = await upgrade(`${target.base}/socket/websocket?${given.query}`, given.headers)
    mustBe(status, 101, 200, 400, 403, 404, 426, 500)
  }
  await Promise.all(fc.sample(attack, { seed: target.seed, numRuns: ATTACKS }).map(commit))
}

/** Offences with random inputs of the fuzzer. */
export const hostile: Offences = { 'attacks at random': attackAtRandom }
