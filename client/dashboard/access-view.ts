import { find } from '../app/dom.ts'

/** Form that asks for the token. It is shown instead of the dashboard. */
export type AccessView = {
  /** Show the form. `problem` is the error to show; empty if there is no error. */
  ask(problem: string): void
  /** Show the dashboard. */
  give(): void
}

/** Show and hide the page's form for the token. `entered` is called with the token that the operator typed. */
export function accessView(entered: (token: string) => void): AccessView {
  const access = find('.access', HTMLElement)
  const board = find('.board', HTMLElement)
  const connection = find('.connection', HTMLElement)
  const form = find('.access-form', HTMLFormElement)
  const input = find('.access-token', HTMLInputElement)
  const error = find('.access-error', HTMLElement)

  const say = (problem: string) => {
    error.textContent = problem
    input.setAttribute('aria-invalid', String(problem !== ''))
  }
  const toggle = (isOpen: boolean) => {
    access.hidden = isOpen
    board.hidden = !isOpen
    connection.hidden = !isOpen
  }
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    const token = input.value.trim()
    if (token === '') {
      say('Type the token.')
      return input.focus()
    }
    say('')
    entered(token)
  })

  return {
    ask(problem) {
      toggle(false)
      say(problem)
      input.focus()
    },
    give() {
      input.value = ''
      toggle(true)
    },
  }
}
