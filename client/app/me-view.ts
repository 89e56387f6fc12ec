import { find } from './dom.ts'
import { type Identity, personNameError } from './identity.ts'

/**
 * Form in which the user chooses a name. If the server requires tokens, the name comes from the token, and the form is
 * hidden.
 */
export type MeView = { show(me: Identity): void }

/** Create the form. `rename` is called with the chosen name, or with null when the user removes the name. */
export function meView(rename: (name: string | null) => void): MeView {
  const form = find('.me', HTMLFormElement)
  const input = find('.me-name', HTMLInputElement)
  const error = find('.me-error', HTMLElement)
  const clear = find('.me-clear', HTMLButtonElement)
  const toggle = find('.me-toggle', HTMLButtonElement)
  const panel = find('.people', HTMLElement)
  let shown: string | null = null

  const showError = (text: string) => {
    error.textContent = text
    input.setAttribute('aria-invalid', String(text !== ''))
  }

  input.addEventListener('input', () => showError(''))
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    const name = input.value.trim()
    const problem = personNameError(name)
    showError(problem ?? '')
    input.value = name
    if (problem !== null) return input.focus()
    // The form already shows the name. Showing it again would overwrite what the user types meanwhile.
    shown = name
    rename(name)
  })
  // In a narrow window the form is in a popover.
  toggle.addEventListener('click', () => {
    panel.showPopover()
    input.focus()
  })
  clear.addEventListener('click', () => {
    showError('')
    rename(null)
    // Move the focus, because the button will be hidden.
    input.focus()
  })

  return {
    show({ name, canRename }) {
      form.hidden = !canRename
      toggle.hidden = !canRename
      toggle.textContent = name === null ? 'Take a name' : `Name: ${name}`
      clear.hidden = name === null
      // Keep unsaved input as long as the name is unchanged. The name can also change in another tab.
      if (name === shown) return
      shown = name
      input.value = name ?? ''
    },
  }
}
