export { Binary, Broadcast, defineContract, type HistorySpec, ProtocolError } from '../protocol/index.ts'
export {
  type AsyncApi,
  type AsyncApiChannel,
  type AsyncApiMessage,
  type AsyncApiOperation,
  type AsyncApiOptions,
  type AsyncApiReference,
  type AsyncApiServer,
  asyncApi,
} from './async-api/async-api.ts'
export type { Schema as AsyncApiSchema } from './async-api/exchanges.ts'
export type {
  BroadcastOptions,
  Callbacks as ChannelCallbacks,
  CancelInfo,
  ChannelSocket,
  HandleIn,
  HandleInfo,
  IgnoredResult,
  InfoHandler,
  InResult,
  JoinResult,
  PublishOptions,
  SocketRef,
} from './channel/channel-socket.ts'
export {
  type ChannelBeginning,
  type ChannelDefinition,
  defineChannel,
  defineUntypedChannel,
  type Handler as ChannelHandler,
  type InHandler as ChannelInHandler,
} from './channel/define-channel.ts'
export type { EndpointPublishOptions } from './channel/publish-options.ts'
export type { AuthOptions } from './channel/refresh.ts'
export {
  type ErrorReply,
  type ExitReason,
  type ReplyResult,
  type Shutdown,
  type StatusReply,
  type StopResult,
  shutdown,
} from './channel/result.ts'
export type { Transport } from './channel/transport.ts'
export type { Check as SchemaCheck, ValidationError as SchemaError } from './channel/validate.ts'
export type { Endpoint } from './endpoint/endpoint-interface.ts'
export type { EndpointOptions, Logger } from './endpoint/endpoint-options.ts'
export type { OnGap } from './endpoint/gap.ts'
export type { HistoryMessage, HistoryPage, HistoryQuery } from './endpoint/read-history.ts'
export type { Claim, Engine, EngineLogger, EngineNode, EngineState } from './engine/engine.ts'
export { LocalEngine } from './engine/local-engine.ts'
export type { Nodes, QuestionHandler } from './engine/nodes.ts'
export {
  CallbackError,
  CallError,
  type CallFailure,
  type ErrorCode,
  errorCodes,
  KeyReusedError,
  UsageError,
} from './errors.ts'
export type { Limits } from './limits/config.ts'
export type { DrainerOptions } from './limits/drainer.ts'
export { type PhoenixOptions, phoenix, phoenix as default } from './plugin.ts'
export {
  type AfterFetch,
  definePresence,
  type FetchedFields,
  type FetchedFieldsOf,
  type MetaChange,
  type NoFetchedFields,
  type PresenceContract,
  type PresenceDefinition,
  type PresenceKey,
  type PresenceList,
  type PresenceListEntry,
  type PresenceOptions,
} from './presence/define-presence.ts'
export type { Living } from './presence/owner.ts'
export type {
  Change as PresenceChange,
  Entries as PresenceEntries,
  Meta as TrackedMeta,
  Presence as TrackedPresence,
  PresenceState,
} from './presence/state.ts'
export type { ChangeListener, OpenStore, PresenceScope, PresenceStore } from './presence/store.ts'
export type {
  PresenceEndpoint,
  PresenceHost,
  PresenceOwner,
  Tracked,
  TrackedListener,
} from './presence/tracked.ts'
export type { TrackResult, UpdateResult } from './presence/tracker.ts'
export type { Deliver, Gap, PubSubAdapter } from './pubsub/adapter.ts'
export type {
  Appended,
  HandOver,
  HistoryHost,
  HistoryNote,
  HistoryPart,
  HistoryRange,
  HistorySettings,
  HistoryStore,
  Kept,
  OpenHistory,
  Position,
  Recovery,
  RecoveryRequest,
} from './pubsub/history.ts'
export { LocalAdapter } from './pubsub/local-adapter.ts'
export type { Subscriber } from './pubsub/pubsub.ts'
export type { BroadcastListener, Subscription } from './pubsub/subscription.ts'
export type { Awaitable } from './runtime/promise.ts'
export { type PhoenixToken, Token } from './socket/checked-token.ts'
export type {
  ConnectInfo,
  ConnectInfoKey,
  ConnectInfoWith,
  HeaderList,
  HeaderMap,
  PeerData,
  RequestUri,
} from './socket/connect-info.ts'
export type { ConnectionLimits } from './socket/connection-settings.ts'
export type { Cookies } from './socket/cookies.ts'
export {
  type AnySocket,
  type Assigns as SocketAssigns,
  type ConnectResult,
  defineSocket,
  type Route as SocketRoute,
  type SocketDefinition,
  type SocketFields,
  type SocketOptions,
} from './socket/define-socket.ts'
export type { ChildInfo, ChildStatus, Restart, SupervisorSpec, WorkerSpec } from './supervisor/child.ts'
export type { ChildHandle } from './supervisor/child-handle.ts'
export {
  type AnyCalls,
  type CallArguments,
  type CallHandlers,
  type CallOptions,
  type CallReply,
  type CallResult,
  type CallValue,
  defineWorker,
  type WorkerCallback,
  type WorkerCallbacks,
  type WorkerDefinition,
  type WorkerInfoHandler,
  type WorkerStop,
} from './supervisor/define-worker.ts'
export { Registry, type RegistryOptions } from './supervisor/registry.ts'
export type { AnnouncedExit, Exit as WorkerExit, Supervised } from './supervisor/supervised.ts'
export {
  type ChildSpec,
  type Strategy,
  Supervisor,
  type SupervisorLogger,
  type SupervisorOptions,
} from './supervisor/supervisor.ts'
export type { Worker } from './supervisor/worker.ts'
export type { LogLevel } from './telemetry/log-level.ts'
export { type TelemetryChannel, telemetry } from './telemetry/telemetry.ts'
export type { KeyOptions, SignOptions, VerifiedToken, VerifyOptions, VerifyResult } from './token/token.ts'
export type { LongPollOptions, MountOptions, RefusalResponse, WebSocketOptions } from './transport/mount.ts'
export type { CheckOrigin, Origin } from './transport/origin.ts'
