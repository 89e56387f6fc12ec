import type { JoinParams } from '../../protocol/index.ts'
import { limits, type Room } from '../../server/app/contracts/room.ts'
import type { Store } from './store.ts'

const NAME = 'fastify-phoenix.name'
const CLIENT = 'fastify-phoenix.client'
const CLIENT_BYTES = 16

/** Who the user is. The tabs of a browser share it, so it is read anew whenever it is asked for. */
export class Identity {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  /** What the user wants to be called; null for a guest. */
  get name(): string | null {
    const name = this.#store.getItem(NAME)
    // It may be from a time with other limits, or have been edited.
    return name === null || personNameError(name) !== null ? null : name
  }

  /** The id of this browser, made when it is first asked for. */
  get client(): string {
    const known = this.#store.getItem(CLIENT)
    if (known !== null && /^[\w-]+$/.test(known) && known.length <= limits.client) return known
    const made = randomId()
    this.#store.setItem(CLIENT, made)
    return made
  }

  /** What to send with a join: nothing for a guest, who is not to be tracked. */
  get joinParams(): JoinParams<typeof Room> {
    const { name } = this
    return name === null ? {} : { name, client: this.client }
  }

  /** Take a name, or with null none. */
  rename(name: string | null): void {
    if (name === null) this.#store.removeItem(NAME)
    else this.#store.setItem(NAME, name)
  }
}

/** Why a person cannot be called so, as a sentence; null if they can. */
export function personNameError(name: string): string | null {
  if (name === '') return 'Type a name.'
  if (/\p{Cc}/u.test(name)) return 'A name has no tabs, line breaks or other control characters.'
  const length = [...name].length
  if (length > limits.personName)
    return `A name has at most ${limits.personName} characters; this has ${length}.`
  return null
}

// Not `randomUUID`, which browsers have only where a page is served over HTTPS or from localhost.
function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(CLIENT_BYTES))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
