// Compile-only: the types of contracts, checked by `npx tsc`.
import { Type } from 'typebox'
import {
  Binary,
  type Contract,
  defineContract,
  type InEvent,
  type InPayload,
  type InReply,
  type JoinParams,
  type JoinReply,
  type OutEvent,
  type OutPayload,
  type PresenceEntries,
  type PresenceMeta,
  type PresenceMetaOut,
} from '../../protocol/index.ts'

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <A, B>(_: Same<A, B>): void => {}

const Room = defineContract({
  topic: 'room:*',
  params: Type.Object({ since: Type.Optional(Type.String()) }),
  reply: Type.Object({ history: Type.Array(Type.String()) }),
  incoming: {
    new_msg: { payload: Type.Object({ body: Type.String() }), reply: Type.Object({ id: Type.String() }) },
    typing: { payload: Type.Object({}) },
    upload: { payload: Binary },
  },
  outgoing: {
    new_msg: Type.Object({ body: Type.String() }),
    file: Binary,
  },
  presence: Type.Object({ name: Type.String() }),
})
type Room = typeof Room

const Bare = defineContract({ topic: 'bare' })
type Bare = typeof Bare

// Types of a contract.
same<Room['topic'], 'room:*'>(true)
same<JoinParams<Room>, { since?: string }>(true)
same<JoinReply<Room>, { history: string[] }>(true)
same<InEvent<Room>, 'new_msg' | 'typing' | 'upload'>(true)
same<InPayload<Room, 'new_msg'>, { body: string }>(true)
same<InPayload<Room, 'upload'>, Uint8Array>(true)
same<InReply<Room, 'new_msg'>, { id: string }>(true)
same<OutEvent<Room>, 'new_msg' | 'file' | 'presence_state' | 'presence_diff' | 'presence_count'>(true)
same<OutPayload<Room, 'new_msg'>, { body: string }>(true)
same<OutPayload<Room, 'file'>, Uint8Array>(true)
same<PresenceMeta<Room>, { name: string }>(true)
same<OutPayload<Room, 'presence_state'>, PresenceEntries<Room>>(true)
same<OutPayload<Room, 'presence_diff'>['leaves'], PresenceEntries<Room>>(true)

// Types of a contract without these fields.
same<JoinParams<Bare>, unknown>(true)
same<InEvent<Bare>, never>(true)
same<OutEvent<Bare>, never>(true)
same<InReply<Room, 'typing'>, never>(true)
same<PresenceMeta<Bare>, never>(true)
same<OutEvent<Contract>, string>(true)
same<InPayload<Contract, string>, unknown>(true)

// Values of these types.
const meta: PresenceMetaOut<Room> = { name: 'Ann', phx_ref: 'F1' }
const state: OutPayload<Room, 'presence_state'> = { u1: { metas: [meta, { ...meta, phx_ref_prev: 'F0' }] } }
const diff: OutPayload<Room, 'presence_diff'> = { joins: state, leaves: {} }
const nothing: JoinReply<Bare> = {}
void [diff, nothing]

// @ts-expect-error a contract has a topic
defineContract({})
// @ts-expect-error an incoming event has a payload
defineContract({ topic: 'room:*', incoming: { new_msg: { reply: Type.Object({}) } } })
// @ts-expect-error an outgoing event has a schema
defineContract({ topic: 'room:*', outgoing: { new_msg: undefined } })
// @ts-expect-error a key that no contract has
defineContract({ topic: 'room:*', param: Type.Object({}) })

defineContract({ topic: 'kept:*', outgoing: { new_msg: Binary }, history: { events: ['new_msg'] } })
// @ts-expect-error a history keeps events that go out
defineContract({ topic: 'kept:*', outgoing: { new_msg: Binary }, history: { events: ['typing'] } })
// @ts-expect-error a history says which events it keeps
defineContract({ topic: 'kept:*', outgoing: { new_msg: Binary }, history: { size: 5 } })

// @ts-expect-error no such event comes in
type _NoIn = InPayload<Room, 'new_message'>
// @ts-expect-error no such event goes out
type _NoOut = OutPayload<Room, 'typing'>
// @ts-expect-error nothing comes in
type _NothingIn = InPayload<Bare, 'new_msg'>
// @ts-expect-error presence events need the key `presence`
type _NoPresence = OutPayload<Bare, 'presence_state'>

// @ts-expect-error a join that declares no reply is answered with nothing
const _something: JoinReply<Bare> = { history: [] }
// @ts-expect-error a meta as clients see it has a reference
const _noRef: PresenceMetaOut<Room> = { name: 'Ann' }
// @ts-expect-error a diff has both halves
const _half: OutPayload<Room, 'presence_diff'> = { joins: {} }
// @ts-expect-error bytes are no JSON object
const _bytes: OutPayload<Room, 'file'> = { body: 'hi' }
