import { createHash } from 'node:crypto'

/** Lua script. A call sends only the digest `sha`. `source` is sent to a server that does not have the script yet. */
export class RedisScript {
  readonly source: string
  readonly sha: string

  constructor(source: string) {
    this.source = source
    this.sha = createHash('sha1').update(source).digest('hex')
  }
}
