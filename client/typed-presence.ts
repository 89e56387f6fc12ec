import { checkOption, rule } from '../protocol/check.ts'
import type { Contract, PresenceEntries, PresenceMetaOut } from '../protocol/index.ts'
import type { PhoenixChannel, TypedChannel } from './typed.ts'

/** Callback that phoenix.js' `Presence` calls when presences join or leave. */
export type PresenceChangeListener = (key?: string, current?: unknown, changed?: unknown) => void
/** Payload of `presence_diff`. */
export type PresenceDiff = { joins: object; leaves: object }
/** Function that selects what `list` returns for each key. */
export type PresenceChooser = (key: string, entry: unknown) => unknown

/** `Presence` of phoenix.js. It is a class or, in version 1.3, an object of functions. */
export type PhoenixPresence = {
  syncState(
    state: object,
    newState: object,
    onJoin?: PresenceChangeListener,
    onLeave?: PresenceChangeListener,
  ): object
  syncDiff(
    state: object,
    diff: PresenceDiff,
    onJoin?: PresenceChangeListener,
    onLeave?: PresenceChangeListener,
  ): object
  list(state: object, chooser?: PresenceChooser): unknown[]
}

/** Contract in which the optional property `presence` is set. */
export type ContractWithPresence = Contract & { readonly presence: NonNullable<Contract['presence']> }
/** Metas of one presence key. */
export type PresenceEntry<C extends Contract> = { metas: PresenceMetaOut<C>[] }

/** `Presence` of phoenix.js, typed by a contract. */
export type TypedPresence<C extends Contract> = {
  /** Presences at the last sync. */
  readonly state: PresenceEntries<C>
  /** List of the presences, or of the results that `chooser` returns for each presence. */
  list(): PresenceEntry<C>[]
  list<T>(chooser: (key: string, entry: PresenceEntry<C>) => T): T[]
  /** Set the callback that runs when a key gains metas. For a new key, `current` is undefined. */
  onJoin(
    callback: (key: string, current: PresenceEntry<C> | undefined, joined: PresenceEntry<C>) => void,
  ): void
  /** Set the callback that runs when a key loses metas. If the key lost all metas, `current` has none. */
  onLeave(callback: (key: string, current: PresenceEntry<C>, left: PresenceEntry<C>) => void): void
  /** Set the callback for every change of `state`. */
  onSync(callback: () => void): void
  /** Returns true if `presence_state` has not arrived since the latest join or rejoin. */
  inPendingSyncState(): boolean
}

const typedChannel = rule(
  'the result of typed()',
  (value) => typeof Object(Object(value).channel).on === 'function',
)
const phoenixPresence = rule('`Presence` of phoenix.js', (value) =>
  ['syncState', 'syncDiff', 'list'].every((name) => typeof Object(value)[name] === 'function'),
)

/**
 * Create a `Presence` of phoenix.js for a typed channel, with the types of the contract. Call this function before the
 * join. `Presence` must come from the same phoenix.js version as the channel.
 * @throws UsageError with `PHX_ERR_OPTION` for an invalid argument.
 */
export function presence<C extends ContractWithPresence, P extends PhoenixChannel>(
  room: TypedChannel<C, P>,
  Presence: PhoenixPresence,
): TypedPresence<C> {
  checkOption('presence: the first argument', room, typedChannel)
  checkOption('presence: the second argument', Presence, phoenixPresence)
  const isClass = typeof Presence === 'function'
  // The casts are safe: `phoenixPresence` has checked that `Presence` has the necessary functions, and the types of the
  // metas come from the contract.
  const made = isClass
    ? new (Presence as PhoenixPresence & (new (channel: object) => object))(room.channel)
    : new FunctionsPresence(room.channel, Presence)
  return made as TypedPresence<C>
}

type JoinedChannel = PhoenixChannel & { joinRef?(): unknown }

/** Class `Presence`, as in phoenix.js 1.4 and later, implemented with the functions of version 1.3. */
class FunctionsPresence {
  state: object
  readonly #functions: PhoenixPresence
  readonly #channel: JoinedChannel
  #joinRef: unknown
  #pendingDiffs: PresenceDiff[]
  #joined: PresenceChangeListener
  #left: PresenceChangeListener
  #synced: () => void

  constructor(channel: PhoenixChannel, functions: PhoenixPresence) {
    this.state = {}
    this.#functions = functions
    this.#channel = channel
    this.#joinRef = null
    this.#pendingDiffs = []
    this.#joined = nothing
    this.#left = nothing
    this.#synced = nothing
    channel.on('presence_state', (state) => this.#syncState(state as object))
    channel.on('presence_diff', (diff) => this.#syncDiff(diff as PresenceDiff))
  }

  onJoin(callback: PresenceChangeListener): void {
    this.#joined = callback
  }

  onLeave(callback: PresenceChangeListener): void {
    this.#left = callback
  }

  onSync(callback: () => void): void {
    this.#synced = callback
  }

  list(chooser?: PresenceChooser): unknown[] {
    return this.#functions.list(this.state, chooser)
  }

  inPendingSyncState(): boolean {
    return this.#joinRef === null || this.#joinRef !== this.#channel.joinRef?.()
  }

  #syncState(newState: object): void {
    this.#joinRef = this.#channel.joinRef?.() ?? null
    this.state = this.#functions.syncState(this.state, newState, this.#joined, this.#left)
    for (const diff of this.#pendingDiffs) this.#apply(diff)
    this.#pendingDiffs = []
    this.#synced()
  }

  #syncDiff(diff: PresenceDiff): void {
    if (this.inPendingSyncState()) return void this.#pendingDiffs.push(diff)
    this.#apply(diff)
    this.#synced()
  }

  #apply(diff: PresenceDiff): void {
    this.state = this.#functions.syncDiff(this.state, diff, this.#joined, this.#left)
  }
}

function nothing(): void {}
