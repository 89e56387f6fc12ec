import { composer } from './composer.ts'
import { type Conversation, membershipText } from './conversation.ts'
import { find } from './dom.ts'
import { messagesView } from './messages-view.ts'
import { type OutboxActions, outboxView } from './outbox-view.ts'
import { scrolling } from './scrolling.ts'

/** What the user can do in a room. */
export type RoomActions = OutboxActions & { send(body: string): void }

/** The room the user is in. */
export type RoomView = {
  show(conversation: Conversation): void
  /** Put the cursor into the box. */
  focus(): void
}

/** The middle of the page: the room's name and state, its messages, the outbox and the box to write in. */
export function roomView(actions: RoomActions): RoomView {
  const name = find('.room-name', HTMLElement)
  const status = find('.room-status', HTMLElement)
  const messages = messagesView()
  const end = scrolling(find('.scroller', HTMLElement), find('.to-end', HTMLButtonElement))
  const box = composer((body) => {
    end.follow()
    actions.send(body)
  })
  const outbox = outboxView({
    retry(id) {
      actions.retry(id)
      box.focus()
    },
    discard(id) {
      actions.discard(id)
      box.focus()
    },
  })
  let shown: Conversation | null = null

  return {
    focus: () => box.focus(),
    show(conversation) {
      if (conversation !== shown) {
        shown = conversation
        name.textContent = conversation.room
        document.title = `#${conversation.room} · fastify-phoenix`
        box.setRoom(conversation.room)
        messages.clear()
        end.follow()
      }
      status.textContent = membershipText(conversation)
      messages.show(conversation.log.messages)
      outbox.show(conversation.outbox.sends)
      end.settle()
    },
  }
}
