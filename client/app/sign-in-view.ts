import { signIn } from './api.ts'
import { find } from './dom.ts'
import { personNameError } from './identity.ts'
import { isSignedOut, type Session } from './session.ts'

/** Panel that is shown instead of the conversation while the user must sign in. */
export type SignInView = { show(session: Session | null, hasToken: boolean): void }

/** Create the panel. When the user has signed in, `signedIn` is called with the new token. */
export function signInView(signedIn: (token: string) => void): SignInView {
  const panel = find('.sign-in', HTMLElement)
  const title = find('.sign-in-title', HTMLElement)
  const form = find('.sign-in-form', HTMLFormElement)
  const input = find('.sign-in-name', HTMLInputElement)
  const error = find('.sign-in-error', HTMLElement)

  const submit = async (): Promise<void> => {
    const name = input.value.trim()
    const problem = personNameError(name)
    const token = problem === null ? await signIn(name) : null
    error.textContent = problem ?? (token === null ? 'The sign-in failed.' : '')
    if (token !== null) signedIn(token)
    else input.focus()
  }
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    void submit()
  })

  return {
    show(session, hasToken) {
      panel.hidden = !isSignedOut(session)
      title.textContent = hasToken ? 'Your session has ended' : 'You are not signed in'
      form.hidden = session?.canSignIn !== true
    },
  }
}
