import { createHash } from 'node:crypto'

/** A Lua script that Redis is sent once, and then called by its digest. */
export class RedisScript {
  readonly source: string
  readonly sha: string

  constructor(source: string) {
    this.source = source
    this.sha = createHash('sha1').update(source).digest('hex')
  }
}
