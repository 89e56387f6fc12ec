import { describe, expect, it, vi } from 'vitest'
import { Token } from '../../../server/index.ts'
import { joined } from './fixture.ts'

const SECRET = 'a'.repeat(64)
const SALT = 'user auth'
const SIGNED_AT = 1_700_000_000
const FORTY_TWO = 'SFMyNTY.g2gDYSpuBgAAaOXPiwFiAAFRgA.x2GV8fzmggTQdkMlzdkfE2mSNoVoWKMMirhPRqMzXSc'
const U1 = 'SFMyNTY.g2gDbQAAAAJ1MW4GAABo5c-LAWIAAVGA.i7s9mgX3QD0bc9J2eZDPvSPwHpli8PJ0BVYlDB0eeLk'
const MAP =
  'SFMyNTY.g2gDdAAAAANkAAFmRj_4AAAAAAAAZAACaWRhAW0AAAABcmsAAgECbgYAAGjlz4sBYgABUYA.' +
  'alaeqkKToDnuCh7VA9ni7U12x81R_amL-shdFopqYDM'

describe('tokens', () => {
  it('B206 tokens of Elixir are verified, and our tokens are equal to them', () => {
    const forEver = { maxAge: Infinity }
    expect(Token.verify(SECRET, SALT, FORTY_TWO, forEver)).toHaveProperty('ok', 42)
    expect(Token.verify(SECRET, SALT, U1, forEver)).toHaveProperty('ok', 'u1')
    expect(Token.verify(SECRET, SALT, MAP, forEver)).toHaveProperty('ok', { r: [1, 2], id: 1, f: 1.5 })
    expect(Token.sign(SECRET, SALT, 42, { signedAt: SIGNED_AT })).toBe(FORTY_TWO)
    expect(Token.sign(SECRET, SALT, 'u1', { signedAt: SIGNED_AT })).toBe(U1)
  })

  it('B207 a token that was changed is invalid', () => {
    const [head = '', payload = '', signature = ''] = U1.split('.')
    const forged = [
      `${head}.${payload}.${signature.replace('i', 'j')}`,
      `${head}.${payload.replace('b', 'c')}.${signature}`,
      `${head}.${payload}`,
      `${U1}.more`,
      '',
    ]
    for (const token of forged) {
      expect(Token.verify(SECRET, SALT, token, { maxAge: Infinity }), token).toEqual({ error: 'invalid' })
    }
  })

  it('B208 a token is expired after its maximum age, and invalid before it was signed', () => {
    expect(Token.verify(SECRET, SALT, U1)).toEqual({ error: 'expired' })
    const now = vi.spyOn(Date, 'now').mockReturnValue((SIGNED_AT + 86_400) * 1000)
    try {
      expect(Token.verify(SECRET, SALT, U1)).toHaveProperty('ok', 'u1')
      now.mockReturnValue((SIGNED_AT - 1) * 1000)
      expect(Token.verify(SECRET, SALT, U1)).toEqual({ error: 'invalid' })
    } finally {
      now.mockRestore()
    }
  })
})

describe('parsers of other clients', () => {
  it('B213 a parser that splits at the first four commas reads every frame', async () => {
    for (const frame of await session()) {
      const [joinRef, ref, topic, event, ...rest] = frame.slice(1, -1).split(',')
      const cut = [joinRef, ref, topic, event].map((field) => JSON.parse(String(field)))
      expect([...cut, JSON.parse(rest.join(','))]).toEqual(JSON.parse(frame))
    }
  })

  it('B214 a frame with a ref and without a join_ref has a reserved event', async () => {
    for (const frame of await session()) {
      const [joinRef, ref, , event] = JSON.parse(frame)
      if (joinRef === null && ref !== null) expect(event).toMatch(/^phx_/)
    }
  })
})

/** Every kind of frame that a server sends. */
async function session(): Promise<string[]> {
  const { client } = await joined()
  const frames: string[] = []
  const asked = [
    '[null,"2","phoenix","heartbeat",{}]',
    '["1","3","room:m","echo",{"a":"b,c","d":[1,2]}]',
    '["1","4","room:m","err",{}]',
    '["1","5","room:m","push",{"a":1,"b":2}]',
    '["1","6","room:m","bc",{"a":1,"b":2}]',
    '["1","7","room:m","no_such_event",{}]',
    '["8","8","nope","phx_join",{}]',
    '["9","9","room:refuse","phx_join",{}]',
    '["1","10","room:m","raise",{}]',
    '["1","11","room:m","phx_leave",{}]',
  ]
  for (const frame of asked) {
    client.send(frame)
    frames.push(String(await client.next()))
  }
  return frames
}
