import { createHash } from 'node:crypto'

/** Lua script. Its source is sent to Redis once. Afterwards the script is called by its digest. */
export class RedisScript {
  readonly source: string
  readonly sha: string

  constructor(source: string) {
    this.source = source
    this.sha = createHash('sha1').update(source).digest('hex')
  }
}
