import { checkOption } from '../protocol/check.ts'
import { UsageError } from '../protocol/errors.ts'
import { type PhoenixChannel, type PhoenixSocket, recoverableArguments } from './phoenix-client.ts'

/** How far a client has come in a topic; may be kept over a reload of the page. */
export type Cursor = { readonly epoch: string; readonly seq: number }

/** What a recoverable channel is made with. */
export type RecoverableOptions = {
  /** Called before anything else at a rejoin that cannot go on from the cursor: messages are missing. */
  onGap?(gap: { readonly from: Cursor; readonly to: Cursor }): void
  /** The number of latest messages to begin with, if there is nothing to go on from. Default: 0. */
  readonly last?: number
  /** The cursor of an earlier page. Default: none. */
  readonly since?: Cursor | null
}

/** `id` is the identity under which this page sends: it is of this page alone, and is never saved. */
type Place = Cursor & { readonly id?: string }
type IsMember = (topic: string, event: string, payload: unknown, ...rest: unknown[]) => boolean

/**
 * A phoenix.js channel that misses nothing of its topic's history while its client is away (RECOVERY-17), for every
 * version from 1.3; everything else of it is unchanged.
 * @throws UsageError with `PHX_ERR_OPTION` for an illegal argument, or a channel without `isMember`.
 */
export function recoverable<P extends PhoenixChannel>(
  socket: PhoenixSocket<P>,
  topic: string,
  params: object | (() => object) = {},
  options: RecoverableOptions = {},
): P & { cursor(): Cursor | null } {
  checkOption('recoverable', { socket, topic, params, options }, recoverableArguments)
  const { onGap, last = 0, since = null } = options
  let place: Place | null = since && { epoch: since.epoch, seq: since.seq }
  const cursorOf = ({ epoch, seq }: Place): Cursor => ({ epoch, seq })
  // phoenix.js reads an object's keys at each join; a function it calls at each join, from 1.4.
  const asked = { _since: { enumerable: true, get: () => place }, _last: { enumerable: true, value: last } }
  const sent = (given: object) => Object.defineProperties(forwarded(given), asked)
  const channel = socket.channel(topic, typeof params === 'function' ? () => sent(params()) : sent(params))
  // In no version's types, and in all versions: called once for each message, before any callback.
  const { isMember } = channel as unknown as { isMember?: IsMember }
  if (isMember === undefined) throw new UsageError('PHX_ERR_OPTION', 'the channel has no isMember()')

  function takes(event: string, payload: unknown): boolean {
    const { _seq: seq, status, response } = Object(payload)
    const { epoch, seq: after, id, recovered } = Object(status === 'ok' ? Object(response)._recovery : null)
    if (event === 'phx_reply' && epoch !== undefined) {
      const from = place
      place = { epoch, seq: after, id }
      if (from !== null && !recovered) onGap?.({ from: cursorOf(from), to: cursorOf(place) })
      return true
    }
    if (place === null || typeof seq !== 'number') return true
    if (channel.state !== 'joined' || seq <= place.seq) return false
    place = { ...place, seq }
    return event !== '_seq'
  }

  return Object.assign(channel, {
    isMember: (...given: Parameters<IsMember>) => isMember.apply(channel, given) && takes(given[1], given[2]),
    cursor: () => (place === null ? null : cursorOf(place)),
  })
}

/** An object with the same keys, whose values are read when they are asked for. */
function forwarded(params: object): object {
  const get = (key: string) => ({ enumerable: true, configurable: true, get: () => Reflect.get(params, key) })
  return Object.defineProperties({}, Object.fromEntries(Object.keys(params).map((key) => [key, get(key)])))
}
