import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'

/*
 * Compatible with the MessageEncryptor of Plug.Crypto, the library behind `Phoenix.Token`. Releases of Plug.Crypto use
 * two formats:
 *
 *   A128GCM   QTEyOEdDTQ.key.iv.text.tag   written by releases before 2.1, read by all releases
 *   XCP       XCP.(iv tag text)            written and read by releases from 2.1 on
 *
 * Both formats use a key that is derived from the secret and the salt. The derived key has 256 bits by default.
 * In A128GCM, `text` is encrypted with a random content key (AES-128-GCM). `key` is this content key, encrypted with
 * the derived key (AES-GCM). In XCP, `text` is encrypted with the derived key (XChaCha20-Poly1305). This file reads
 * both formats, and writes A128GCM, because every release reads A128GCM.
 */

/** Data that is authenticated but not part of the message. Encryption and decryption must use the same data. */
export interface Authenticated {
  /** AAD (additional authenticated data) of the encrypted message. Default: `A128GCM`, as in Plug.Crypto. */
  readonly aad?: string
  /** AAD for encrypting the content key. The option has the same name in Plug.Crypto. Default: empty. */
  readonly signSecret?: string
}

const DEFAULT_AAD = 'A128GCM'
/** `A128GCM` in base64url. */
const A128GCM = 'QTEyOEdDTQ'
const XCP = 'XCP.'

const CONTENT_KEY_BYTES = 16
const IV_BYTES = 12
const TAG_BYTES = 16
/** Length of XChaCha20's nonce. The subkey is derived from the key and the first 16 bytes of the nonce. */
const LONG_IV_BYTES = 24
const XCP_KEY_BYTES = 32

type Sealed = { readonly iv: Buffer; readonly text: Buffer; readonly tag: Buffer }

/** Encrypt bytes with a key of 16, 24 or 32 bytes. */
export function encryptMessage(message: Uint8Array, key: Buffer, bound: Authenticated = {}): string {
  const { aad = DEFAULT_AAD, signSecret = '' } = bound
  const contentKey = randomBytes(CONTENT_KEY_BYTES)
  const wrapped = seal(contentKey, key, signSecret)
  const { iv, text, tag } = seal(message, contentKey, aad)
  const parts = [Buffer.concat([wrapped.text, wrapped.tag, wrapped.iv]), iv, text, tag]
  return [A128GCM, ...parts.map((part) => part.toString('base64url'))].join('.')
}

/** Decrypt a message in the format A128GCM or XCP. Returns null if the message was not encrypted with `key`. */
export function decryptMessage(token: string, key: Buffer, bound: Authenticated = {}): Buffer | null {
  const { aad = DEFAULT_AAD, signSecret = '' } = bound
  if (token.startsWith(XCP)) return openXcp(token.slice(XCP.length), key, aad)
  const [name, ...parts] = token.split('.', 6)
  const [wrapped, iv, text, tag, ...rest] = parts.map(decodeBase64)
  if (name !== A128GCM || rest.length > 0 || !wrapped || !iv || !text || !tag) return null
  const textEnd = wrapped.length - TAG_BYTES - IV_BYTES
  if (![16, 24, 32].includes(textEnd)) return null
  const contentKey = unseal(
    {
      text: wrapped.subarray(0, textEnd),
      tag: wrapped.subarray(textEnd, textEnd + TAG_BYTES),
      iv: wrapped.subarray(textEnd + TAG_BYTES),
    },
    key,
    signSecret,
  )
  return contentKey === null ? null : unseal({ iv, text, tag }, contentKey, aad)
}

function openXcp(encoded: string, key: Buffer, aad: string): Buffer | null {
  const bytes = decodeBase64(encoded)
  if (bytes === null || bytes.length < LONG_IV_BYTES + TAG_BYTES || key.length !== XCP_KEY_BYTES) return null
  const subkey = hchacha20(key, bytes.subarray(0, 16))
  const iv = Buffer.concat([Buffer.alloc(4), bytes.subarray(16, LONG_IV_BYTES)])
  const tag = bytes.subarray(LONG_IV_BYTES, LONG_IV_BYTES + TAG_BYTES)
  const text = bytes.subarray(LONG_IV_BYTES + TAG_BYTES)
  return finish(
    createDecipheriv('chacha20-poly1305', subkey, iv, { authTagLength: TAG_BYTES }).setAAD(Buffer.from(aad), {
      plaintextLength: text.length,
    }),
    { iv, text, tag },
  )
}

/**
 * Derive the subkey of XChaCha20 with HChaCha20. OpenSSL has only ChaCha20, which adds its initial state to the mixed
 * state to get a block of the keystream. HChaCha20 does not add the initial state. So subtract the initial state from
 * the first and the last 16 bytes of the block.
 */
export function hchacha20(key: Uint8Array, nonce: Uint8Array): Buffer {
  const block = createCipheriv('chacha20', key, nonce).update(Buffer.alloc(64))
  const before = Buffer.concat([Buffer.from('expand 32-byte k'), nonce])
  const after = Buffer.concat([block.subarray(0, 16), block.subarray(48)])
  const subkey = Buffer.alloc(32)
  for (let at = 0; at < 32; at += 4) {
    subkey.writeUInt32LE((after.readUInt32LE(at) - before.readUInt32LE(at)) >>> 0, at)
  }
  return subkey
}

function seal(message: Uint8Array, key: Buffer, aad: string): Sealed {
  const iv = randomBytes(IV_BYTES)
  const cipher = createCipheriv(gcm(key), key, iv).setAAD(Buffer.from(aad))
  const text = Buffer.concat([cipher.update(message), cipher.final()])
  return { iv, text, tag: cipher.getAuthTag() }
}

function unseal(sealed: Sealed, key: Buffer, aad: string): Buffer | null {
  if (sealed.iv.length !== IV_BYTES || sealed.tag.length !== TAG_BYTES) return null
  const decipher = createDecipheriv(gcm(key), key, sealed.iv, { authTagLength: TAG_BYTES })
  return finish(decipher.setAAD(Buffer.from(aad)), sealed)
}

type Decipher = Pick<ReturnType<typeof createDecipheriv>, 'update' | 'final'> & {
  setAuthTag(tag: Uint8Array): unknown
}

function finish(decipher: Decipher, { text, tag }: Sealed): Buffer | null {
  decipher.setAuthTag(tag)
  try {
    return Buffer.concat([decipher.update(text), decipher.final()])
  } catch {
    // The message was changed, or encrypted with another key.
    return null
  }
}

function gcm(key: Buffer): 'aes-128-gcm' | 'aes-192-gcm' | 'aes-256-gcm' {
  if (key.length === 16) return 'aes-128-gcm'
  return key.length === 24 ? 'aes-192-gcm' : 'aes-256-gcm'
}

/**
 * Decode base64url. Returns null for a text with padding or with characters of another alphabet. Also returns null if
 * the unused bits of the last character are not 0.
 */
function decodeBase64(text: string): Buffer | null {
  const bytes = Buffer.from(text, 'base64url')
  return bytes.toString('base64url') === text ? bytes : null
}
