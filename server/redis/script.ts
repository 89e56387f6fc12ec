import { createHash } from 'node:crypto'

/** A Lua script. Its source is sent to Redis once; then it is called by its digest. */
export class RedisScript {
  readonly source: string
  readonly sha: string

  constructor(source: string) {
    this.source = source
    this.sha = createHash('sha1').update(source).digest('hex')
  }
}
