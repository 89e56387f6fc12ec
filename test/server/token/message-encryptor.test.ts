import { createCipheriv } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decryptMessage, encryptMessage, hchacha20 } from '../../../server/token/message-encryptor.ts'
import { hex } from '../../helpers/vectors.ts'

// Written by Plug.Crypto 1.2.4, with the key, additional data and signing secret of its own tests.
const RECORDED =
  'QTEyOEdDTQ.L85cCXPvSqswNJoxmP5QTopFY83qCPj9czxkwct8b0HDHdC8Qwruhkq3SWw.mmqfbc2dfaMMi6Xi.' +
  'n1qvYhAUYI0r7-QB6Vw.0jV2tT3U-AQMAQSch2rNsw'
const RIGHT = 'abcdefgh'.repeat(4)
const KEY = Buffer.from(RIGHT)
const WRONG = Buffer.from('12345678'.repeat(4))
const BOUND = { aad: 'right aad', signSecret: RIGHT }
const MESSAGE = Buffer.from('\0hełłoworld\0')

/** A message as Plug.Crypto 2.1 writes it, with this nonce of 24 bytes. */
function xcp(
  message: Uint8Array,
  { key, nonce, aad }: { key: Buffer; nonce: Buffer; aad: Uint8Array },
): string {
  const iv = Buffer.concat([Buffer.alloc(4), nonce.subarray(16)])
  const cipher = createCipheriv('chacha20-poly1305', hchacha20(key, nonce.subarray(0, 16)), iv, {
    authTagLength: 16,
  })
  cipher.setAAD(aad, { plaintextLength: message.length })
  const text = Buffer.concat([cipher.update(message), cipher.final()])
  return `XCP.${Buffer.concat([nonce, cipher.getAuthTag(), text]).toString('base64url')}`
}

test('decrypts a message of Plug.Crypto, bound to its key, additional data and signing secret', () => {
  expect(decryptMessage(RECORDED, KEY, BOUND)).toEqual(MESSAGE)
  expect(decryptMessage(RECORDED, WRONG, BOUND)).toBeNull()
  expect(decryptMessage(RECORDED, KEY, { ...BOUND, aad: 'wrong aad' })).toBeNull()
  expect(decryptMessage(RECORDED, KEY, { ...BOUND, signSecret: String(WRONG) })).toBeNull()
})

test('derives the subkey of XChaCha20 (draft-irtf-cfrg-xchacha-03, 2.2.1)', () => {
  const key = hex('000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f')
  const nonce = hex('000000090000004a0000000031415927')
  expect(hchacha20(key, nonce).toString('hex')).toBe(
    '82413b4227b27bfed30e42508a877d73a0f9e4d58a74a853c12ec41326d3ecdc',
  )
})

test('encrypts like XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03, A.3.1)', () => {
  const key = Buffer.from(hex('808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f'))
  const nonce = Buffer.from(hex('404142434445464748494a4b4c4d4e4f5051525354555657'))
  const aad = hex('50515253c0c1c2c3c4c5c6c7')
  const message = Buffer.from(
    "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
  )
  const sealed = Buffer.from(xcp(message, { key, nonce, aad }).slice(4), 'base64url')
  expect(sealed.subarray(24, 40).toString('hex')).toBe('c0875924c1c7987947deafd8780acf49')
  expect(sealed.subarray(40, 56).toString('hex')).toBe('bd6d179d3e83d43b9576579493c0e939')
})

test('decrypts messages of Plug.Crypto 2.1, with a key of 32 bytes', () => {
  const parts = { key: KEY, nonce: Buffer.alloc(24, 7), aad: Buffer.from('A128GCM') }
  const token = xcp(MESSAGE, parts)
  expect(decryptMessage(token, KEY)).toEqual(MESSAGE)
  expect(decryptMessage(token, WRONG)).toBeNull()
  expect(decryptMessage(token, KEY, { aad: 'other' })).toBeNull()
  expect(decryptMessage(token, KEY.subarray(0, 16))).toBeNull()
  expect(decryptMessage('XCP.', KEY)).toBeNull()
})

test('writes the format that every release of Plug.Crypto can read', () => {
  const token = encryptMessage(MESSAGE, KEY)
  expect(token).toMatch(/^QTEyOEdDTQ\.[\w-]{59}\.[\w-]{16}\.[\w-]+\.[\w-]{22}$/)
  expect(decryptMessage(token, KEY)).toEqual(MESSAGE)
  expect(decryptMessage(encryptMessage(Buffer.alloc(0), KEY), KEY)).toEqual(Buffer.alloc(0))
})

test('returns null, and never throws, for a token with any change', () => {
  const parts = { key: KEY, nonce: Buffer.alloc(24, 7), aad: Buffer.from('A128GCM') }
  const tokens = fc.constantFrom(encryptMessage(MESSAGE, KEY), xcp(MESSAGE, parts))
  const change = fc.tuple(tokens, fc.nat(), fc.nat(1), fc.string({ maxLength: 2 }))
  fc.assert(
    fc.property(change, ([token, place, removed, inserted]) => {
      const at = place % token.length
      const changed = token.slice(0, at) + inserted + token.slice(at + removed)
      fc.pre(changed !== token)
      expect(decryptMessage(changed, KEY)).toBeNull()
    }),
    { numRuns: 1000 },
  )
  fc.assert(fc.property(fc.string(), (token) => decryptMessage(token, KEY) === null))
})
