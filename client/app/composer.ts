import { find } from './dom.ts'
import { isSendable, lengthHint } from './draft.ts'

/** Text box in which the user writes messages. */
export type Composer = {
  focus(): void
  /** Set the room that messages are sent to. `isOpen` is false if the user cannot write in this room. */
  setRoom(room: string, isOpen: boolean): void
}

/** Callbacks for the user's actions in the composer. */
export type ComposerActions = { send(body: string): void; typed(): void }

/** Create the composer. Enter sends the text unchanged, Shift+Enter begins a new line. */
export function composer({ send, typed }: ComposerActions): Composer {
  const form = find('.composer', HTMLFormElement)
  const box = find('.composer-box', HTMLTextAreaElement)
  const button = find('.composer-send', HTMLButtonElement)
  const hint = find('.composer-hint', HTMLElement)

  const check = () => {
    hint.textContent = lengthHint(box.value)
  }
  const submit = () => {
    if (!isSendable(box.value)) return
    send(box.value)
    box.value = ''
    check()
  }

  box.addEventListener('input', () => {
    check()
    if (isSendable(box.value)) typed()
  })
  box.addEventListener('keydown', (event) => {
    // While the user composes with an input method (IME), Enter selects a candidate.
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
    event.preventDefault()
    submit()
  })
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    submit()
    box.focus()
  })

  return {
    focus: () => box.focus(),
    setRoom(room, isOpen) {
      box.placeholder = isOpen ? `Message #${room}` : 'You cannot write here'
      box.disabled = !isOpen
      button.disabled = !isOpen
    },
  }
}
