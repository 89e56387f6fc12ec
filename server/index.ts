export { Binary, Broadcast, defineContract, type HistorySpec, ProtocolError } from '../protocol/index.ts'
export {
  type AsyncApi,
  type AsyncApiChannel,
  type AsyncApiMessage,
  type AsyncApiOperation,
  type AsyncApiOptions,
  type AsyncApiServer,
  asyncApi,
} from './async-api/async-api.ts'
export type {
  BroadcastOptions,
  CancelInfo,
  ChannelSocket,
  PublishOptions,
  SocketRef,
} from './channel/channel-socket.ts'
export { type ChannelDefinition, defineChannel, defineUntypedChannel } from './channel/define-channel.ts'
export { type ExitReason, type Shutdown, shutdown } from './channel/result.ts'
export type { Transport } from './channel/transport.ts'
export { Endpoint } from './endpoint/endpoint.ts'
export type { EndpointOptions } from './endpoint/endpoint-options.ts'
export type { OnGap } from './endpoint/gap.ts'
export type { HistoryMessage, HistoryPage, HistoryQuery } from './endpoint/read-history.ts'
export type { Claim, Engine, EngineNode, EngineState } from './engine/engine.ts'
export { LocalEngine } from './engine/local-engine.ts'
export type { Nodes } from './engine/nodes.ts'
export { CallbackError, CallError, type ErrorCode, errorCodes, KeyReusedError, UsageError } from './errors.ts'
export type { DrainerOptions } from './limits/drainer.ts'
export { type PhoenixOptions, phoenix, phoenix as default } from './plugin.ts'
export { definePresence, type PresenceDefinition, type PresenceOptions } from './presence/define-presence.ts'
export type { Living } from './presence/owner.ts'
export type { PresenceEndpoint, PresenceOwner } from './presence/tracked.ts'
export type { Deliver, Gap, PubSubAdapter } from './pubsub/adapter.ts'
export type {
  Appended,
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
export { PubSub, type Subscriber } from './pubsub/pubsub.ts'
export type { BroadcastListener, Subscription } from './pubsub/subscription.ts'
export { type PhoenixToken, Token, type VerifyOptions } from './socket/checked-token.ts'
export type { ConnectInfo, ConnectInfoKey, ConnectInfoWith } from './socket/connect-info.ts'
export type { ConnectionLimits } from './socket/connection-settings.ts'
export { defineSocket, type SocketDefinition } from './socket/define-socket.ts'
export type { ChildInfo, SupervisorSpec, WorkerSpec } from './supervisor/child.ts'
export { ChildHandle } from './supervisor/child-handle.ts'
export { type CallOptions, defineWorker, type WorkerDefinition } from './supervisor/define-worker.ts'
export { Registry, type RegistryOptions } from './supervisor/registry.ts'
export { Supervisor, type SupervisorOptions } from './supervisor/supervisor.ts'
export { Worker } from './supervisor/worker.ts'
export { type TelemetryChannel, telemetry } from './telemetry/telemetry.ts'
export type { KeyOptions, SignOptions, VerifiedToken, VerifyResult } from './token/token.ts'
export type { LongPollOptions, MountOptions, RefusalResponse, WebSocketOptions } from './transport/mount.ts'
