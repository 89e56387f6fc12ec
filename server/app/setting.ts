import { isIP } from 'node:net'
import { availableParallelism } from 'node:os'

/** Environment variable with its meaning, and the function that parses it. */
export type Setting<T> = {
  readonly name: string
  /** Default, as it is written in the environment. Empty if there is none. */
  readonly fallback: string
  /** Meaning, with the unit. */
  readonly help: string
  /** @throws Error with one line that states what is wrong and what is allowed. */
  read(text: string | undefined): T
}

type Described = { readonly help: string }

const LONGEST_DELAY_MS = 2 ** 31 - 1
const MAX_PROCESSES = 1_024

/** Define a setting for a whole number. `max` defaults to the longest delay of a timer, in milliseconds. */
export function wholeNumber(
  name: string,
  { fallback, help, max = LONGEST_DELAY_MS }: Described & { fallback: number; max?: number },
): Setting<number> {
  const read = (text = String(fallback)): number => {
    const value = Number(text)
    if (!/^\d+$/.test(text) || value > max) throw wrong(name, text, `a whole number from 0 to ${max}`)
    return value
  }
  return { name, help, fallback: String(fallback), read }
}

/** Define a setting for one of a few words. */
export function oneOf<T extends string>(
  name: string,
  words: readonly T[],
  { fallback, help }: Described & { fallback: T },
): Setting<T> {
  const read = (text: string = fallback): T => {
    const word = words.find((one) => one === text)
    if (word === undefined) throw wrong(name, text, `one of ${words.join(', ')}`)
    return word
  }
  return { name, help, fallback, read }
}

/** Define a setting for `1` (yes) or `0` (no). Default: `0`. */
export function flag(
  name: string,
  { help, fallback = '0' }: Described & { fallback?: '0' | '1' },
): Setting<boolean> {
  const read = (text: string = fallback): boolean => {
    if (text !== '0' && text !== '1') throw wrong(name, text, '0 or 1')
    return text === '1'
  }
  return { name, help, fallback, read }
}

/** Define a setting for any text. An empty text stands for the default. */
export function anyText(name: string, { fallback, help }: Described & { fallback: string }): Setting<string> {
  return { name, help, fallback, read: (given) => given || fallback }
}

/**
 * Define a setting for a secret. Error messages do not repeat it. An empty secret is an error, because it would protect
 * nothing.
 */
export function secret(
  name: string,
  { help, minLength }: Described & { minLength: number },
): Setting<string | null> {
  const read = (given: string | undefined): string | null => {
    if (given === undefined) return null
    if (given.length < minLength || /\s/.test(given)) {
      throw new Error(`${name} must be at least ${minLength} characters without spaces`)
    }
    return given
  }
  return { name, help, fallback: '', read }
}

/**
 * Define a setting for a secret that is sent as a bearer token. It may have the characters that RFC 6750 allows. If it
 * is unset or empty, the feature that it protects is disabled.
 */
export function bearerToken(
  name: string,
  { help, minLength }: Described & { minLength: number },
): Setting<string | null> {
  const read = (given = ''): string | null => {
    if (given === '') return null
    if (given.length >= minLength && /^[\w.~+/-]+=*$/.test(given)) return given
    throw new Error(`${name} must be at least ${minLength} letters, digits or characters of -._~+/, or empty`)
  }
  return { name, help, fallback: '', read }
}

/**
 * Define a setting for the URL of a Redis. Default: none. Error messages do not repeat it, because it can contain a
 * password.
 */
export function redisUrl(name: string, { help }: Described): Setting<string | null> {
  const read = (text = ''): string | null => {
    if (text === '') return null
    if (URL.canParse(text) && /^rediss?:\/\/./.test(text)) return text
    throw new Error(`${name} must be a URL such as redis://host:6379 or rediss://user:password@host:6379`)
  }
  return { name, help, fallback: '', read }
}

/**
 * Define a setting for the prefix of all names in Redis. Default: null, which stands for the engine's default prefix.
 */
export function redisPrefix(name: string, { help }: Described): Setting<string | null> {
  const read = (text = ''): string | null => {
    if (text === '') return null
    if (/^[\w.:-]{1,100}$/.test(text)) return text
    throw wrong(name, text, '1 to 100 letters, digits or characters of ._:-')
  }
  return { name, help, fallback: '', read }
}

/** Define a setting for a number of processes, or `auto` for one per core. Default: 0. */
export function processes(name: string, { help }: Described): Setting<number> {
  const read = (text = '0'): number => {
    if (text === 'auto') return availableParallelism()
    if (/^\d+$/.test(text) && Number(text) <= MAX_PROCESSES) return Number(text)
    throw wrong(name, text, `auto or a whole number from 0 to ${MAX_PROCESSES}`)
  }
  return { name, help, fallback: '0', read }
}

/** Define a setting for comma-separated origins of web pages, or `*` for all. Default: none. */
export function origins(name: string, { help }: Described): Setting<readonly string[]> {
  const isOrigin = (item: string): boolean =>
    item === '*' || (URL.canParse(item) && new URL(item).origin === item)
  const read = (text = ''): string[] => {
    const items = listOf(text)
    if (!items.every(isOrigin)) throw wrong(name, text, '* or origins such as https://example.com')
    return items
  }
  return { name, help, fallback: '', read }
}

/** Define a setting for comma-separated addresses or address ranges of reverse proxies. Default: none. */
export function addresses(name: string, { help }: Described): Setting<readonly string[]> {
  const read = (text = ''): string[] => {
    const items = listOf(text)
    if (!items.every(isAddressRange)) throw wrong(name, text, 'addresses such as 10.0.0.1,fd00::/8,loopback')
    return items
  }
  return { name, help, fallback: '', read }
}

/** Define a setting for comma-separated host names or addresses, or `*` for all. Default: none. */
export function hostNames(name: string, { help }: Described): Setting<readonly string[]> {
  const read = (text = ''): string[] => {
    const items = listOf(text.toLowerCase())
    if (!items.every((item) => item === '*' || /^(?:[\w.-]+|\[[\da-f:.]+\])$/.test(item)))
      throw wrong(name, text, '* or host names without ports, such as chat.example.com,localhost')
    return items
  }
  return { name, help, fallback: '', read }
}

/** Define a setting for any text. Default: none. */
export function optionalText(name: string, { help }: Described): Setting<string | null> {
  return { name, help, fallback: '', read: (given) => given || null }
}

function isAddressRange(item: string): boolean {
  if (['loopback', 'linklocal', 'uniquelocal'].includes(item)) return true
  const [address = '', bits = '0', ...others] = item.split('/')
  const longest = isIP(address) === 4 ? 32 : 128
  return isIP(address) !== 0 && /^\d+$/.test(bits) && Number(bits) <= longest && others.length === 0
}

function listOf(text: string): string[] {
  const items = text.split(',').map((item) => item.trim())
  return items.filter((item) => item !== '')
}

function wrong(name: string, text: string, legal: string): Error {
  return new Error(`${name} must be ${legal} (got ${JSON.stringify(text)})`)
}
