import { type ComposerActions, composer } from './composer.ts'
import { type Conversation, membershipText } from './conversation.ts'
import { find } from './dom.ts'
import { messagesView } from './messages-view.ts'
import { type OutboxActions, outboxView } from './outbox-view.ts'
import { scrolling } from './scrolling.ts'
import { typingText } from './typists.ts'

/** Callbacks for the user's actions in a room. */
export type RoomActions = OutboxActions & ComposerActions & { leave(): void }

/** State of the room's controls. If `isOut`, the user must sign in. If `canLeave`, the Leave button is shown. */
export type RoomState = { readonly isOut: boolean; readonly canLeave: boolean }

/** Middle part of the page, which shows the current room. */
export type RoomView = {
  show(conversation: Conversation, state: RoomState): void
  /** Focus the composer. */
  focus(): void
}

/** Create the view of the room's name and state, its messages, the outbox and the composer. */
export function roomView(actions: RoomActions): RoomView {
  const name = find('.room-name', HTMLElement)
  const status = find('.room-status', HTMLElement)
  const messages = messagesView()
  const end = scrolling(find('.scroller', HTMLElement), find('.to-end', HTMLButtonElement))
  const typing = find('.typing', HTMLElement)
  const leave = find('.leave', HTMLButtonElement)
  leave.addEventListener('click', actions.leave)
  const box = composer({
    send(body) {
      end.follow()
      actions.send(body)
    },
    typed: actions.typed,
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
    show(conversation, { isOut, canLeave }) {
      if (conversation !== shown) {
        shown = conversation
        name.textContent = conversation.room
        messages.clear()
        end.follow()
      }
      box.setRoom(conversation.room, !isOut && conversation.membership !== 'forbidden')
      leave.hidden = !canLeave
      const said = isOut ? '' : membershipText(conversation)
      if (status.textContent !== said) status.textContent = said
      const writing = typingText(conversation.typists.names(Date.now()))
      if (typing.textContent !== writing) typing.textContent = writing
      messages.show(conversation.log.messages)
      outbox.show(conversation.outbox.sends)
      end.settle()
    },
  }
}
