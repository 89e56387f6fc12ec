import { parseArgs } from 'node:util'
import { isPlainObject } from '../../protocol/shown.ts'
import { EngineError } from '../errors.ts'
import type { Command } from './command.ts'

/** Command `fastify-phoenix broadcast`: send an event to all subscribers of a topic, from a shell or a cron job. */
export const broadcast: Command = {
  help: `fastify-phoenix broadcast [--url URL] [--prefix PREFIX] [--key KEY] TOPIC EVENT PAYLOAD

  Send an event to all subscribers of a topic, on every node.
  If the topic has a history for this event, the history keeps the event.

  PAYLOAD   JSON object, such as '{"body":"hi"}'
  --url     URL of Redis (default: REDIS_URL, or redis://127.0.0.1:6379)
  --prefix  prefix of the nodes' RedisEngine (default: phx, or phx:db<n> for a database n other than 0)
  --key     key under which the broadcast is kept once, however often it is sent
`,

  async run(args, terminal) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { url: { type: 'string' }, prefix: { type: 'string' }, key: { type: 'string' } },
    })
    const [topic, event, json, ...others] = positionals
    if (topic === undefined || event === undefined || json === undefined || others.length > 0)
      throw new Error(`expected TOPIC EVENT PAYLOAD (got ${positionals.join(' ') || 'nothing'})`)
    const payload = payloadOf(json)
    const { url = process.env['REDIS_URL'] || undefined, prefix, key } = values
    const { Emitter } = await import('../emitter/emitter.ts').catch(withoutRedis)
    const emitter = new Emitter({
      ...(url !== undefined && { url }),
      ...(prefix !== undefined && { prefix }),
    })
    try {
      if (await emitter.publish(topic, event, payload, key === undefined ? {} : { key })) return 0
      terminal.stderr.write(
        'fastify-phoenix broadcast: Redis did not confirm the event, which may have been sent. ' +
          'A second run can send the event twice, unless a history keeps the event ' +
          'and both runs have the same --key\n',
      )
      return 1
    } finally {
      await emitter.close()
    }
  },
}

/** Parse a payload. @throws Error when the text is not a JSON object. */
function payloadOf(json: string): object {
  const requirement = 'PAYLOAD must be a JSON object, such as {"body":"hi"}'
  let payload: unknown
  try {
    payload = JSON.parse(json)
  } catch (cause) {
    throw new Error(`${requirement} (got ${json})`, { cause })
  }
  if (!isPlainObject(payload)) throw new Error(`${requirement} (got ${json})`)
  return payload
}

/** Convert the error of an import: if the package `redis` is missing, the new error says how to install it. */
function withoutRedis(error: unknown): never {
  if (Object(error).code !== 'ERR_MODULE_NOT_FOUND') throw error
  throw new EngineError('the package redis is missing; install it: npm install redis', { cause: error })
}
