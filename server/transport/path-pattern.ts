/** The path of a mount, whose parts may be variables, as in `/c/:room`. */
export class PathPattern {
  readonly #path: string
  /** Null when none of the parts is a variable. */
  readonly #parts: readonly string[] | null

  constructor(path: string) {
    this.#path = path
    this.#parts = path.includes('/:') ? partsOf(path) : null
  }

  /** Whether a URL, with or without a query, is for it. The router tells `/a/` from `/a`, and so does this. */
  fits(url: string): boolean {
    const query = url.indexOf('?')
    const path = query === -1 ? url : url.slice(0, query)
    if (this.#parts === null) return path === this.#path
    const given = partsOf(path)
    if (given.length !== this.#parts.length) return false
    return this.#parts.every((part, index) =>
      part.startsWith(':') ? given[index] !== '' : part === given[index],
    )
  }
}

function partsOf(path: string): string[] {
  return path.split('/').slice(1)
}
