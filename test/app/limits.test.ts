import { expect, test } from 'vitest'
import { limitsOf } from '../../server/app/limits.ts'
import { readSettings } from '../../server/app/settings.ts'
import { defaults, resolveLimits } from '../../server/limits/config.ts'
import { openApp } from '../helpers/open-app.ts'
import { upgrade } from '../helpers/raw-http.ts'

test('the defaults are those of the plugin, except for the number of rooms of a connection', () => {
  expect(resolveLimits(limitsOf(readSettings({})))).toEqual({ ...defaults, maxChannels: 20 })
})

test('a rate setting also sets the matching burst', () => {
  const settings = readSettings({ MESSAGE_RATE: '10', JOIN_RATE: '2', CONNECTION_RATE: '3' })
  expect(limitsOf(settings)).toMatchObject({
    messageRate: 10,
    messageBurst: 50,
    joinRate: 2,
    joinBurst: 20,
    connectionRate: 3,
    connectionBurst: 60,
  })
})

test('0 means that there is no limit', () => {
  const none = {
    MAX_CONNECTIONS: '0',
    MAX_CHANNELS: '0',
    CONNECTION_RATE: '0',
    MESSAGE_RATE: '0',
    JOIN_RATE: '0',
  }
  const limits = resolveLimits(limitsOf(readSettings(none)))
  const { maxChannels, ...settable } = limitsOf(readSettings({}))
  for (const name of Object.keys(settable)) {
    expect(limits[name as keyof typeof limits]).toBeGreaterThanOrEqual(Number.MAX_SAFE_INTEGER)
  }
})

test('the app applies the limits', async () => {
  const { app } = await openApp({ connectionRate: 1 })
  const url = `${await app.listen({ port: 0, host: '127.0.0.1' })}/socket/websocket?vsn=2.0.0`
  let count = 0
  // One more comes in for each second that this takes.
  while ((await upgrade(url)).status === 101) count += 1
  expect(count).toBeGreaterThanOrEqual(20)
  expect(count).toBeLessThan(40)
})
