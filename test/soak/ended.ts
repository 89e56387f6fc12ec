import { intrude, mustBe, mustHave, type Offences } from './offence.ts'

/** Connections and channels that end without a violation of a limit or of the protocol. */
export const ended: Offences = {
  'a client whose token expires': async (target) => {
    const line = await intrude(target, 0, '&lives=200')
    await line.join('room:a', { id: 'expiring' })
    mustBe(await line.ended, 4401)
  },
  'a client that is disconnected by its id': async (target) => {
    const [kicked, kicker] = [await intrude(target, 0, '&id=kicked'), await intrude(target)]
    await kicked.join('room:a', { id: 'kicked' })
    await kicker.join('busy:kicks')
    kicker.ws.send('["1",null,"busy:kicks","kick",{"id":"kicked"}]')
    mustBe(await kicked.ended, 1001)
    await kicker.hangUp()
  },
  'a channel that crashes': async (target) => {
    const line = await intrude(target)
    await line.join('room:a', { id: 'crashing' })
    const error = line.hears('"phx_error"')
    line.ws.send('["1","2","room:a","crash",{}]')
    mustHave(await error, '"channel_crash"')
    mustBe(await line.lives(), true)
    await line.hangUp()
  },
}
