import { expect, test, vi } from 'vitest'
import { memoryStore } from '../../../client/app/store.ts'
import { apiHeaders, authToken, takeToken } from '../../../client/app/token.ts'
import { TOKEN_SALT } from '../../../server/app/auth.ts'
import { Token } from '../../../server/index.ts'
import { AUTH_SECRET, tokenFor } from '../../helpers/tokens.ts'

const never = (): boolean => {
  throw new Error('asked')
}

/** A page with this token; gives what it asks when it is opened with another, and the token that it has then. */
function open(own: string, other: string, answer: boolean) {
  const store = memoryStore()
  takeToken(`#token=${own}`, store, never)
  const ask = vi.fn((_question: string) => answer)
  expect(takeToken(`#token=${other}`, store, ask)).toBe('')
  return { asked: ask.mock.calls.map(([question]) => question), token: authToken(store) }
}

test('a token in the URL is stored, and used for the connection and the API', () => {
  const store = memoryStore()
  expect(takeToken('#token=a.b-c', store, never)).toBe('')
  expect(authToken(store)).toBe('a.b-c')
  expect(apiHeaders(store)).toEqual({ authorization: 'Bearer a.b-c' })
})

test('a room beside the token stays in the URL', () => {
  const store = memoryStore()
  expect(takeToken('#token=a.b-c&room=a%20b', store, never)).toBe('#a%20b')
  expect(authToken(store)).toBe('a.b-c')
})

test.each(['', '#lobby', '#token='])('%j contains no token, and no listener is called', (hash) => {
  const store = memoryStore()
  expect(takeToken(hash, store, never)).toBeNull()
  expect([authToken(store), apiHeaders(store)]).toEqual(['', {}])
})

test.each(['a b', 'ü', 'a?b', 'a,b'])('%j is not a token, and is not stored', (text) => {
  const store = memoryStore()
  expect(takeToken(`#token=${text}`, store, never)).toBe('')
  expect(authToken(store)).toBe('')
})

test('a fresh token of the same user replaces the old one without a question', async () => {
  const fresh = await tokenFor('ann', { expiresIn: 7_200 })
  expect(open(await tokenFor('ann'), fresh, false)).toEqual({ asked: [], token: fresh })
})

test.each([true, false])('the page asks before it accepts the token of another user: %s', async (answer) => {
  const [own, other] = [await tokenFor('ann'), await tokenFor('mallory')]
  const { asked, token } = open(own, other, answer)
  expect(asked).toEqual([expect.stringMatching(/as mallory\. .*as ann\./)])
  expect(token).toBe(answer ? other : own)
})

test('the page also asks if the users of the tokens are unknown', async () => {
  const phoenix = (sub: string) => Token.sign(AUTH_SECRET, TOKEN_SALT, { sub })
  const others = [phoenix('mallory'), 'nonsense', 'a.b.c', await tokenFor('<b>')]
  for (const other of others) {
    expect(open(phoenix('ann'), other, false).asked).toEqual([
      expect.stringContaining('as another user. You are already signed in.'),
    ])
    expect(open(await tokenFor('ann'), other, false).asked).toHaveLength(1)
  }
})
