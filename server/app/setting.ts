import { isIP } from 'node:net'
import { availableParallelism } from 'node:os'

/** A kind of value that an environment variable can have. */
export type Kind<T> = {
  /** Allowed values in words, for error messages. */
  readonly legal: string
  isLegal(text: string): boolean
  /** Parse a text that `isLegal` accepts. If the variable is unset and has no default, `text` is empty. */
  read(text: string): T
  /** Text that is used if the variable is unset. Default: the empty text. */
  readonly fallback?: string
  /** True if an empty text means the default. Default: false. */
  readonly canBeEmpty?: boolean
  /** True if errors must not contain the variable's text. Default: false. */
  readonly isSecret?: boolean
}

/** One environment variable: its meaning, and the function that parses it. */
export type Setting<T> = {
  readonly name: string
  /** Text that is used if the variable is unset; empty if the variable has no default. */
  readonly fallback: string
  /** Meaning of the variable, with its unit, for `--help`. */
  readonly help: string
  /** @throws Error with one line that states what is wrong and what is allowed. */
  read(text: string | undefined): T
}

/** Define a variable of this name and kind. */
export function setting<T>(name: string, kind: Kind<T>, { help }: { readonly help: string }): Setting<T> {
  const { legal, fallback = '', canBeEmpty = false, isSecret = false } = kind
  const read = (given: string | undefined): T => {
    if (given === undefined || (given === '' && canBeEmpty)) return kind.read(fallback)
    if (kind.isLegal(given)) return kind.read(given)
    throw new Error(`${name} must be ${legal}${isSecret ? '' : ` (got ${JSON.stringify(given)})`}`)
  }
  return { name, fallback, help, read }
}

/** Whole number up to `max`. The default of `max` is the longest delay that a timer supports, in milliseconds. */
export function wholeNumber(fallback: number, max = 2 ** 31 - 1): Kind<number> {
  const isLegal = (text: string) => /^\d+$/.test(text) && Number(text) <= max
  return { legal: `a whole number from 0 to ${max}`, isLegal, read: Number, fallback: String(fallback) }
}

/** One of these words. */
export function oneOf<T extends string>(words: readonly T[], fallback: T): Kind<T> {
  const find = (text: string) => words.find((word) => word === text)
  const isLegal = (text: string) => find(text) !== undefined
  return { legal: `one of ${words.join(', ')}`, isLegal, read: (text) => find(text) ?? fallback, fallback }
}

/** `1` for yes, `0` for no. */
export function flag(fallback: '0' | '1' = '0'): Kind<boolean> {
  return { legal: '0 or 1', isLegal: (text) => /^[01]$/.test(text), read: (text) => text === '1', fallback }
}

export function text(fallback: string): Kind<string> {
  return { legal: 'a text', isLegal: () => true, read: String, fallback, canBeEmpty: true }
}

/** Text that passes `isLegal`; null if the variable is unset or empty. */
function optional(legal: string, isLegal: (text: string) => boolean, isSecret = false): Kind<string | null> {
  return { legal, isLegal, isSecret, read: (given) => given || null, canBeEmpty: true }
}

/** Any text; null if the variable is unset or empty. */
export const optionalText = optional('a text', () => true)

/** Secret. An empty secret is an error, because it would protect nothing. */
export function secret(minLength: number): Kind<string | null> {
  const isLegal = (given: string) => given.length >= minLength && !/\s/.test(given)
  const kind = optional(`at least ${minLength} characters long and contain no whitespace`, isLegal, true)
  return { ...kind, canBeEmpty: false }
}

/**
 * Secret that is sent as a bearer token; null if the variable is unset or empty. Only the characters that RFC 6750
 * allows are valid.
 */
export function bearerToken(minLength: number): Kind<string | null> {
  const isLegal = (given: string) => given.length >= minLength && /^[\w.~+/-]+=*$/.test(given)
  const characters = 'each an ASCII letter, a digit or one of -._~+/ (at the end also =)'
  return optional(`empty, or at least ${minLength} characters, ${characters}`, isLegal, true)
}

/** URL of a Redis server. Errors do not repeat the URL, because it can contain a password. */
export const redisUrl = optional(
  'a valid URL that begins with redis:// or rediss://, such as rediss://user:password@host:6379; ' +
    'the characters / ? # in the password must be percent-encoded',
  (given) => URL.canParse(given) && /^rediss?:\/\/./.test(given),
  true,
)

/** Prefix of all names in Redis; null means the engine's default prefix. */
export const redisPrefix = optional(
  '1 to 100 ASCII letters, digits, dots, underscores, colons or hyphens',
  (given) => /^[\w.:-]{1,100}$/.test(given),
)

/** Number of processes, or `auto` for one per core. */
export const processes: Kind<number> = {
  legal: 'auto or a whole number from 0 to 1024',
  isLegal: (given) => given === 'auto' || wholeNumber(0, 1_024).isLegal(given),
  read: (given) => (given === 'auto' ? availableParallelism() : Number(given)),
  fallback: '0',
}

/** Comma-separated items, each of which passes `isLegal`. */
function listOf(legal: string, isLegal: (item: string) => boolean): Kind<readonly string[]> {
  return { legal, isLegal: (given) => itemsOf(given).every(isLegal), read: itemsOf, canBeEmpty: true }
}

function itemsOf(given: string): string[] {
  const items = given.split(',').map((item) => item.trim())
  return items.filter((item) => item !== '')
}

/** Origins of web pages, or `*` for all. */
export const origins = listOf(
  '* or a comma-separated list of origins such as https://example.com, in lower-case ASCII, ' +
    'without a final slash and without the default port (80 or 443)',
  (item) => item === '*' || (URL.canParse(item) && new URL(item).origin === item),
)

/** Addresses or address ranges of reverse proxies. */
export const addresses = listOf(
  'a comma-separated list of IP addresses, ranges such as fd00::/8, and the words loopback, linklocal and uniquelocal',
  (item) => {
    if (['loopback', 'linklocal', 'uniquelocal'].includes(item)) return true
    const [address = '', bits = '0', ...others] = item.split('/')
    const longest = isIP(address) === 4 ? 32 : 128
    return isIP(address) !== 0 && /^\d+$/.test(bits) && Number(bits) <= longest && others.length === 0
  },
)

/** Host names or addresses without ports, or `*` for all. */
export const hostNames: Kind<readonly string[]> = {
  ...listOf(
    '* or a comma-separated list of ASCII host names without wildcards or ports, and of IPv6 addresses in brackets',
    (item) => /^(?:\*|[\w.-]+|\[[\da-f:.]+\])$/i.test(item),
  ),
  read: (given) => itemsOf(given.toLowerCase()),
}
