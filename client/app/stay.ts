import type { Socket } from 'phoenix'
import { Room } from '../../server/app/contracts/room.ts'
import { typed } from '../typed.ts'
import type { Conversation } from './conversation.ts'
import type { Send } from './outbox.ts'

/** How long a send may go without its echo. */
const ECHO_TIMEOUT_MS = 10_000

/** One stay in a room. */
export type Stay = {
  send(body: string): void
  retry(id: number): void
  discard(id: number): void
  leave(): void
}

/** Join the conversation's room; `changed` is called whenever there is something new to show. */
export function enterRoom(socket: Socket, conversation: Conversation, changed: () => void): Stay {
  const room = typed(Room, socket.channel(`room:${conversation.room}`))
  const { channel } = room
  // The channel says goodbye after we have left, when the conversation may be in its next stay.
  let isOver = false
  const during =
    <T>(act: (value: T) => void) =>
    (value: T): void => {
      if (isOver) return
      act(value)
      changed()
    }

  // Untyped, because `new_msg` declares no reply and yet may be refused.
  const push = ({ id, body }: Send) => {
    const failed = (failure: string) => during(() => conversation.outbox.fail(id, failure))
    channel
      .push('new_msg', { body }, ECHO_TIMEOUT_MS)
      .receive('error', (response) => failed(`The server refused it: ${reasonOf(response)}.`)(null))
      .receive('timeout', failed('The server did not confirm it within 10 seconds.'))
  }

  conversation.enter()
  room.on(
    'new_msg',
    during(({ body }) => conversation.heard(body, Date.now())),
  )
  channel.onError(during(() => conversation.lost(Date.now())))
  channel.onClose(during(() => conversation.closed(Date.now())))
  // phoenix.js rejoins by itself: these are called at each join, a promise would settle at the first.
  channel
    .join()
    .receive(
      'ok',
      during(() => conversation.joined(Date.now()).forEach(push)),
    )
    .receive(
      'error',
      during((response) => conversation.refused(reasonOf(response))),
    )

  return {
    send: during((body) => {
      const send = conversation.write(body)
      if (send !== null) push(send)
    }),
    retry: during((id) => {
      const send = conversation.retry(id)
      if (send !== null) push(send)
    }),
    discard: during((id) => conversation.outbox.remove(id)),
    leave() {
      if (conversation.membership === 'closed') return
      conversation.closed(Date.now())
      changed()
      isOver = true
      channel.leave()
    },
  }
}

function reasonOf(response: unknown): string {
  const reason =
    typeof response === 'object' && response !== null && 'reason' in response ? response.reason : null
  return typeof reason === 'string' ? reason : 'no reason given'
}
