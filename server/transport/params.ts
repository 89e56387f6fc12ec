/** Decoded query. All leaves are strings. No object inherits keys, so `constructor` is a key like any other. */
export interface Params {
  [key: string]: ParamValue
}

/** Value of a key in {@link Params}. */
export type ParamValue = string | Params | ParamValue[]

// Maximum depth of nested params. Plug (the HTTP library of Phoenix) has no maximum, but well-behaved clients stay far
// below 32.
const MAX_PARAM_DEPTH = 32
// Maximum number of params. Plug has no maximum. Each param costs about a microsecond, before the client is known.
const MAX_PARAMS = 1_000
const MAYBE_NESTED = /\[|%5b/i
const MAYBE_ESCAPED = /[%+]/
const STRAY_PERCENT = /%(?![0-9a-f]{2})/gi
// Prototype of all params objects: an empty object, not null. V8 stores objects whose prototype is null as hash tables,
// which are slower.
const EMPTY_PROTOTYPE: object = Object.freeze(Object.create(null))

/**
 * Decode a query (the part after `?`) as Plug, the HTTP library of Phoenix, does: `a[b]=1` nests, `a[]=1` is a list,
 * `a[0]=1` is an object, and of several values for one key, the last counts. A `%` that does not start an escape stands
 * for itself. Returns null if the decoded text is not UTF-8, a key has more than 32 levels, or there are more than 1,000
 * params.
 */
export function decodeParams(query: string): Params | null {
  // Fast path: every connection has a query, and most queries are flat.
  return MAYBE_NESTED.test(query) ? decodeNested(query) : decodeFlat(query)
}

function decodeFlat(query: string): Params | null {
  const params: Params = Object.create(EMPTY_PROTOTYPE)
  let equals = query.indexOf('=')
  let count = 0
  for (let start = 0; start < query.length; ) {
    count += 1
    if (count > MAX_PARAMS) return null
    const ampersand = query.indexOf('&', start)
    const end = ampersand === -1 ? query.length : ampersand
    // Search again only behind the last match. Otherwise, a query of many keys without `=` would be read many times.
    if (equals !== -1 && equals < start) equals = query.indexOf('=', start)
    const hasValue = equals !== -1 && equals < end
    const key = decodeText(query.slice(start, hasValue ? equals : end))
    const value = hasValue ? decodeText(query.slice(equals + 1, end)) : ''
    if (key === null || value === null) return null
    if (end > start) params[key] = value
    start = end + 1
  }
  return params
}

function decodeNested(query: string): Params | null {
  const root = new Level()
  const pairs = query.split('&')
  if (pairs.length > MAX_PARAMS) return null
  for (const pair of pairs) {
    const [key, value] = decodePair(pair)
    if (key === null || value === null) return null
    const path = toPath(key)
    if (path.length > MAX_PARAM_DEPTH) return null
    if (pair !== '') root.insert(path, 0, value)
  }
  return root.toParams()
}

function decodePair(pair: string): [key: string | null, value: string | null] {
  const equals = pair.indexOf('=')
  if (equals === -1) return [decodeText(pair), '']
  return [decodeText(pair.slice(0, equals)), decodeText(pair.slice(equals + 1))]
}

function decodeText(text: string): string | null {
  if (!MAYBE_ESCAPED.test(text)) return text
  try {
    return decodeURIComponent(text.replaceAll('+', ' ').replaceAll(STRAY_PERCENT, '%25'))
  } catch {
    return null
  }
}

// Split a key into its names: `a[b][]` → 'a', 'b', null. Null stands for a list element. A key that starts with a
// bracket, or has text after its brackets, is one name: `[a]` → '[a]', `a[b]c` → 'a[b]c'.
function toPath(key: string): (string | null)[] {
  const open = key.indexOf('[')
  if (open < 1 || !key.endsWith(']')) return [key]
  const inner = key.slice(open + 1, -1).split('][')
  return [key.slice(0, open), ...inner.map((name) => (name === '' ? null : name))]
}

// One level of nested params: its entries in the order of the query. Elements of a list have the name null. If a query
// has both `x=1` and `x[y]=2`, the later entry counts.
class Level {
  readonly #entries: [name: string | null, value: string | Level][] = []
  #levels: Map<string | null, Level> | null = null

  /** Insert a value. `path[depth]` is its name in this level; the names after it belong to the levels below. */
  insert(path: readonly (string | null)[], depth: number, value: string): void {
    const name = path[depth] ?? null
    if (depth === path.length - 1) {
      this.#entries.push([name, value])
      return
    }
    this.#levels ??= new Map()
    let level = this.#levels.get(name)
    if (level === undefined) {
      level = new Level()
      this.#levels.set(name, level)
      this.#entries.push([name, level])
    }
    level.insert(path, depth + 1, value)
  }

  toParams(): Params {
    const params: Params = Object.create(EMPTY_PROTOTYPE)
    for (const [name, value] of this.#entries) {
      if (name !== null) params[name] = toValue(value)
    }
    return params
  }

  /**
   * Convert a nested level to a list or an object; the type of the last entry decides. `a[x]=1&a[]=2` yields the list
   * `['2']` for `a`, and `a[]=2&a[x]=1` yields the object `{ x: '1' }`. Entries of the other type are dropped.
   */
  toNested(): ParamValue {
    if (this.#entries.at(-1)?.[0] !== null) return this.toParams()
    return this.#entries.filter(([name]) => name === null).map(([, value]) => toValue(value))
  }
}

function toValue(value: string | Level): ParamValue {
  return typeof value === 'string' ? value : value.toNested()
}
