export { Binary } from './binary.ts'
export { Broadcast, type BroadcastOrigin } from './broadcast.ts'
export {
  CLOSE_GOING_AWAY,
  CLOSE_INTERNAL_ERROR,
  CLOSE_MESSAGE_TOO_BIG,
  CLOSE_NORMAL,
  CLOSE_POLICY_VIOLATION,
  CLOSE_PROTOCOL_ERROR,
  CLOSE_SERVICE_RESTART,
  CLOSE_TRY_AGAIN_LATER,
  CLOSE_UNAUTHORIZED,
} from './close-codes.ts'
export {
  type Contract,
  defineContract,
  type HistorySpec,
  type IncomingSpec,
  type InEvent,
  type InPayload,
  type InReply,
  type JoinParams,
  type JoinReply,
  type KeptEvents,
  type NoKeys,
  type NoOtherKeys,
  type NothingMore,
  type OutEvent,
  type OutPayload,
  type OutPayloads,
  type PresenceEntries,
  type PresenceMeta,
  type PresenceMetaOut,
  type PresencePayloads,
  type StaticOr,
} from './contract.ts'
export { ProtocolError, type ProtocolErrorCode, UsageError } from './errors.ts'
export {
  DISCONNECT,
  HEARTBEAT,
  PHOENIX_TOPIC,
  PHX_CLOSE,
  PHX_ERROR,
  PHX_JOIN,
  PHX_LEAVE,
  PHX_REPLY,
  PRESENCE_COUNT,
  PRESENCE_DIFF,
  PRESENCE_STATE,
  SEQ,
} from './events.ts'
export { Message, type Ref, Reply } from './message.ts'
export { defaultSerializers, negotiateSerializer } from './negotiate.ts'
export {
  CANCELLED,
  CHANNEL_CRASH,
  INVALID_PARAMS,
  INVALID_PAYLOAD,
  JOIN_CRASHED,
  OVERLOADED,
  RATE_LIMITED,
  TOO_MANY_CHANNELS,
  UNAUTHORIZED,
  UNMATCHED_EVENT,
  UNMATCHED_TOPIC,
} from './reasons.ts'
export { Frame, type Opcode, type Serializer } from './serializer.ts'
export { matchTopic, parseTopicPattern, subtopic, type TopicPattern } from './topic.ts'
export { v1JsonSerializer } from './v1-json-serializer.ts'
export { v2JsonSerializer } from './v2-json-serializer.ts'
