import { Broadcast, Message } from '../../protocol/index.ts'
import { UsageError, wordsOf } from '../errors.ts'
import type { ChannelDefinition } from './define-channel.ts'

/** Item for a handler in `handleInfo`. It comes from `sendInfo`, a timer or a subscribed topic. */
export class Info {
  readonly name: string
  readonly value: unknown

  constructor(name: string, value: unknown) {
    this.name = name
    this.value = value
  }
}

/** Unit of work of a channel. A channel handles one item at a time. */
export type Item = Message | Broadcast | Info

/** Name of the callback that handles an item; `item` is null for the join. */
export function callbackOf(item: Item | null): string {
  if (item === null) return 'join'
  if (item instanceof Message) return `handleIn.${wordsOf(item.event)}`
  return item instanceof Info ? `handleInfo.${item.name}` : `handleOut.${item.event}`
}

/** Whether an item is a broadcast, of the channel's topic or of a subscribed topic. */
export function isBroadcast(item: Item): boolean {
  return item instanceof Broadcast || (item instanceof Info && Broadcast.is(item.value))
}

/** Check that `handleInfo` has a handler of this name. @throws UsageError if it has none. */
export function checkInfo({ definition, topic }: InfoReceiver, name: string): void {
  const { handleInfo } = definition
  if (handleInfo.has(name)) return
  const known = [...handleInfo.keys()].join(', ') || 'none'
  throw new UsageError(
    'PHX_ERR_DEFINITION',
    `${topic}: handleInfo has no handler "${name}". Handlers: ${known}`,
  )
}

type InfoReceiver = { readonly definition: ChannelDefinition; readonly topic: string }
