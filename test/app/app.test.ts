import { once } from 'node:events'
import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { Deferred } from '../helpers/deferred.ts'
import { openApp } from '../helpers/open-app.ts'

async function listen() {
  const { app } = await openApp()
  const answer = new Deferred<string>()
  const asked = new Deferred()
  app.get('/slow', () => {
    asked.resolve()
    return answer.promise
  })
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  return { app, url, answer, asked }
}

test('closing ends a connection on which nothing was ever sent', async () => {
  const { app, url } = await listen()
  const silent = connect(Number(new URL(url).port), '127.0.0.1')
  await Promise.all([once(silent, 'connect'), once(app.server, 'connection')])

  await Promise.all([app.close(), once(silent, 'close')])
})

test('closing lets a request that is being answered finish', async () => {
  const { app, url, answer, asked } = await listen()
  const response = fetch(`${url}/slow`)
  await asked.promise

  const closed = app.close()
  answer.resolve('here you are')

  expect(await (await response).text()).toBe('here you are')
  await closed
})
