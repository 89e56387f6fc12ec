import type { JoinParams } from '../../protocol/index.ts'
import { limits, type Room } from '../../server/app/contracts/room.ts'
import { randomId } from './random-id.ts'
import type { Store } from './store.ts'

const NAME = 'fastify-phoenix.name'
const CLIENT = 'fastify-phoenix.client'
const GUEST = 'fastify-phoenix.guest'
const CLIENT_BYTES = 16
const GUEST_BYTES = 8
const MESSAGE_BYTES = 12

/** A person as the server names the sender of a message. */
export type Author = { readonly id: string; readonly name: string }

/** The identity that is compared with a message's `from`. */
export type Signed = { readonly id?: string; readonly from?: Author }

/** The user's identity. The tabs of a browser share it, so it is read anew whenever it is asked for. */
export class Identity {
  readonly #store: Store
  #user: Author | null = null
  #hasUsers = false

  constructor(store: Store) {
    this.#store = store
  }

  /** The user of the token, as the server has said; null where there are no users. */
  get user(): Author | null {
    return this.#user
  }

  /** Whether the user may choose a name: where there are users, the token has it. */
  get canRename(): boolean {
    return !this.#hasUsers
  }

  /** The server has said which user the token is for, if any, and whether there are users at all. */
  signIn(user: Author | null, hasUsers = user !== null): void {
    this.#user = user
    this.#hasUsers = hasUsers
  }

  /** The key under which the user is present. */
  get id(): string {
    return this.#user?.id ?? this.client
  }

  /** Whether others see who writes. */
  get isGuest(): boolean {
    return !this.#hasUsers && this.name === null
  }

  /** Whether the message was sent by the user, from this tab or another. */
  isAuthorOf({ id, from }: Signed): boolean {
    if (from !== undefined) return from.id === this.id
    // No server vouches for a guest: the first part of the id is that of all guests of this browser.
    return id?.startsWith(`${this.#guest}-`) === true
  }

  /** An id for a message, which nobody else can guess. */
  messageId(): string {
    return `${this.#guest}-${randomId(MESSAGE_BYTES)}`
  }

  /** The name that the user has chosen; null for a guest. */
  get name(): string | null {
    const name = this.#store.getItem(NAME)
    // It may be from a time with other limits, or have been edited.
    return name === null || personNameError(name) !== null ? null : name
  }

  /** The id of this browser, made when it is first asked for. */
  get client(): string {
    return this.#remembered(CLIENT, CLIENT_BYTES)
  }

  /** The params of a join: none for a guest, who is not to be tracked. */
  get joinParams(): JoinParams<typeof Room> {
    const { name } = this
    return name === null ? {} : { name, client: this.client }
  }

  /** Take a name, or with null none. */
  rename(name: string | null): void {
    if (name === null) this.#store.removeItem(NAME)
    else this.#store.setItem(NAME, name)
  }

  /** Not the client's id, which would tell others which guest took which name. */
  get #guest(): string {
    return this.#remembered(GUEST, GUEST_BYTES)
  }

  #remembered(key: string, bytes: number): string {
    const known = this.#store.getItem(key)
    // It may have been edited.
    if (known !== null && /^[\da-f]+$/.test(known) && known.length === bytes * 2) return known
    const made = randomId(bytes)
    this.#store.setItem(key, made)
    return made
  }
}

/** Why a person cannot be called so, as a sentence; null if they can. */
export function personNameError(name: string): string | null {
  if (name === '') return 'Type a name.'
  if (/\p{Cc}/u.test(name)) return 'A name cannot contain tabs, line breaks or other control characters.'
  const length = [...name].length
  if (length > limits.personName)
    return `A name has at most ${limits.personName} characters; this has ${length}.`
  return null
}
