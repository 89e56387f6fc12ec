import type { JoinParams } from '../../protocol/index.ts'
import { limits, type Room } from '../../server/app/contracts/room.ts'
import { randomId } from './random-id.ts'
import type { Store } from './store.ts'

/** Key under which the user's name is stored. */
export const NAME = 'fastify-phoenix.name'
const CLIENT = 'fastify-phoenix.client'
const GUEST = 'fastify-phoenix.guest'
const CLIENT_BYTES = 16
const GUEST_BYTES = 8
const MESSAGE_BYTES = 12

/** Sender of a message: the id and the name that the server has set. */
export type Author = { readonly id: string; readonly name: string }

/** Fields of a message that identify its sender. */
export type Signed = { readonly id?: string; readonly from?: Author }

/** Identity of the user. All tabs of a browser share the store, so each access reads the current values from it. */
export class Identity {
  readonly #store: Store
  #user: Author | null = null
  #hasUsers = false

  constructor(store: Store) {
    this.#store = store
  }

  /** User that the server has read from the token; null without a valid token, or if the server requires no tokens. */
  get user(): Author | null {
    return this.#user
  }

  /** True if the user may choose a name. If the server requires tokens, the name comes from the token. */
  get canRename(): boolean {
    return !this.#hasUsers
  }

  /** Set the data from the server: the token's user, and whether the server requires tokens. */
  signIn(user: Author | null, hasUsers = user !== null): void {
    this.#user = user
    this.#hasUsers = hasUsers
  }

  /** Key of the user's presence. */
  get id(): string {
    return this.#user?.id ?? this.client
  }

  /** True if the user is a guest: the server requires no tokens, and the user has not chosen a name. */
  get isGuest(): boolean {
    return !this.#hasUsers && this.name === null
  }

  /** True if the user sent the message, from this tab or another tab. */
  isAuthorOf({ id, from }: Signed): boolean {
    if (from !== undefined) return from.id === this.id
    // Messages of guests have no sender. The ids of all guest messages from this browser begin with the same part.
    return id?.startsWith(`${this.#guest}-`) === true
  }

  /** Create an id for a message. Others cannot guess the id. */
  messageId(): string {
    return `${this.#guest}-${randomId(MESSAGE_BYTES)}`
  }

  /** Name that the user has chosen; null for a guest. */
  get name(): string | null {
    const name = this.#store.getItem(NAME)
    // Check the stored name: the user can edit it, and an older version of the page had other limits.
    return name === null || personNameError(name) !== null ? null : name
  }

  /** Id of this browser, created at the first access. */
  get client(): string {
    return this.#remembered(CLIENT, CLIENT_BYTES)
  }

  /** Params of a join. Empty for a guest, because guests have no presence. */
  get joinParams(): JoinParams<typeof Room> {
    const { name } = this
    return name === null ? {} : { name, client: this.client }
  }

  /** Set the user's name; null removes it. */
  rename(name: string | null): void {
    if (name === null) this.#store.removeItem(NAME)
    else this.#store.setItem(NAME, name)
  }

  /**
   * First part of this browser's message ids. Differs from the public id `this.client`, so that a guest's messages stay
   * anonymous.
   */
  get #guest(): string {
    return this.#remembered(GUEST, GUEST_BYTES)
  }

  #remembered(key: string, bytes: number): string {
    const known = this.#store.getItem(key)
    // Check the stored id, because the user can edit it.
    if (known !== null && /^[\da-f]+$/.test(known) && known.length === bytes * 2) return known
    const made = randomId(bytes)
    this.#store.setItem(key, made)
    return made
  }
}

/** Returns true if the value has the fields of an author. */
export function isAuthor(value: unknown): value is Author {
  const { id, name } = Object(value)
  return typeof id === 'string' && typeof name === 'string'
}

/** Problem with a person's name, as a sentence; null if the name is valid. */
export function personNameError(name: string): string | null {
  if (name === '') return 'Type a name.'
  if (/\p{Cc}/u.test(name)) return 'A name cannot contain tabs, line breaks or other control characters.'
  const length = [...name].length
  if (length > limits.personName)
    return `A name has at most ${limits.personName} characters; this name has ${length}.`
  return null
}
