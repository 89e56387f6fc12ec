import { expect, test } from 'vitest'
import { authOf, idOf, verifyToken } from '../../server/app/auth.ts'
import { tokenLink } from '../../server/app/token-link.ts'
import { AUTH_SECRET } from '../helpers/tokens.ts'

const env = { AUTH_SECRET, AUTH_AUDIENCE: 'chat', AUTH_ISSUER: 'tests', PORT: '4567' }
const auth = authOf({ authSecret: AUTH_SECRET, authAudience: 'chat', authIssuer: 'tests' })

/** The link without its token, and what the token says. */
async function make(...args: string[]) {
  const link = await tokenLink(args, env)
  const token = /#token=([^&\n]+)/.exec(link)?.[1] ?? ''
  return { link: link.replace(token, 'TOKEN'), verified: auth && (await verifyToken(auth, token)) }
}

test('prints a link for a name, with the claims that the server requires', async () => {
  const { link, verified } = await make('--name', 'Ann')
  expect(link).toBe('http://localhost:4567/#token=TOKEN\n')
  expect(verified).toMatchObject({ user: { id: 'user-Ann', name: 'Ann', rooms: null } })
  expect(Math.round(((verified?.expiresAt ?? 0) - Date.now()) / 3_600_000)).toBe(24)
})

test('prints a link for some rooms only, which opens the first of them', async () => {
  const args = ['--name', 'Ann', '--rooms', 'private board, lobby', '--id', 'ann', '--hours', '0.5']
  const { link, verified } = await make(...args, '--url', 'https://example.com/chat/')
  expect(link).toBe('https://example.com/chat/#token=TOKEN&room=private%20board\n')
  expect(verified?.user).toEqual({ id: 'ann', name: 'Ann', rooms: ['private board', 'lobby'] })
})

test.each([
  [['--name', 'Ann'], {}, 'AUTH_SECRET'],
  [[], env, '--name'],
  [['--name', ''], env, '--name'],
  [['--name', 'a\tb'], env, '--name must have 1 to 40 characters and no control characters (got "a\\tb")'],
  [['--name', 'Ann', '--id', 'a b'], env, '--id'],
  [['--name', 'Ann', '--id', 'constructor'], env, 'reserved word such as "constructor" (got "constructor")'],
  [['--name', 'Ann', '--hours', 'x'], env, '--hours'],
  [['--name', 'Ann', '--hours', ''], env, '--hours must be a finite number of at least 0.0003 (got "")'],
  [['--name', 'Ann', '--hours', '0'], env, '--hours'],
  [['--nme', 'Ann'], env, '--nme'],
])('%j is refused with a line that names the mistake', async (args, given, word) => {
  await expect(tokenLink(args, given)).rejects.toThrow(word)
})

test('--help lists the options', async () => {
  const text = await tokenLink(['--help'], {})
  for (const option of ['--name', '--id', '--rooms', '--hours', '--url']) expect(text).toContain(option)
})

test('every name gets its own id, which is always the same', () => {
  const ids = ['Ann', 'ann', 'Zoë', '🐦'.repeat(40), 'x'.repeat(40)].map(idOf)
  expect(new Set(ids).size).toBe(5)
  for (const id of ids) expect(id).toMatch(/^[\w-]{1,64}$/)
  expect(idOf('Zoë')).toBe(ids[2])
})
