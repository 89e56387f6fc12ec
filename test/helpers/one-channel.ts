import type { Contract } from '../../protocol/index.ts'
import type { Callbacks } from '../../server/channel/channel-socket.ts'
import { type ChannelDefinition, defineUntypedChannel } from '../../server/channel/define-channel.ts'
import { defineSocket } from '../../server/socket/define-socket.ts'
import { type Client, TestEndpoint } from './build-endpoint.ts'

/** The callbacks of a channel without a contract; a join without one is accepted. */
export type Definition = Partial<Callbacks<Contract, unknown>>

/** A client that has not joined anything yet, of a socket with this channel on `room:*`. */
export function connect(definition: Definition): Promise<{ endpoint: TestEndpoint; client: Client }> {
  return connectTo(defineUntypedChannel('room:*', { join: () => ({ ok: {} }), ...definition }))
}

/** The same with a channel that is defined already. */
export async function connectTo(
  channel: ChannelDefinition<object>,
): Promise<{ endpoint: TestEndpoint; client: Client }> {
  const endpoint = new TestEndpoint()
  const client = await endpoint.connect(defineSocket({ connect: () => ({ ok: {} }) }).channel(channel))
  return { endpoint, client }
}

/** Join `room:a` with the join_ref "1". */
export const JOIN = '["1","1","room:a","phx_join",{}]'
export const JOINED = '["1","1","room:a","phx_reply",{"response":{},"status":"ok"}]'
export const CLOSED = '["1","1","room:a","phx_close",{}]'
export const CRASHED = '["1","1","room:a","phx_error",{"reason":"channel_crash"}]'
